/* docs.h: the documents that are made from the program's tables. */
#ifndef CONFAB_ADMIN_DOCS_H
#define CONFAB_ADMIN_DOCS_H

/* Writes config.md, confab.ini.sample and protocol.md (from protocol.in.md there) into the folder; says what failed on stderr. 0 or ERR_*. */
int docs_write(const char *dir);

#endif
