/*
 * pie_files.c: the contents of files in a document of pie.h: <file><piece>BASE64</piece>...</file>. What must hold: the writer learns of a file
 * only when the whole of it is on the disk, and nothing is written that the writer has not made room for: an open slot, which nobody else can
 * write, and which expires if the import is never gone on with.
 *
 * Threads for files, inside a job.
 */
#include "base/codec.h"
#include "base/err.h"
#include "store/pie.h"

void pie_files_release(struct pie_files *f) {
    if (f->writer) blob_release(&f->writer);
    f->is_bad = f->is_sealed = false;
}

/* From its first byte, whatever an import that was cut off has left. */
static int begin(struct pie_files *f, const struct pie_file *file) {
    struct str name = str_of(file->name, SLOT_ID_LEN);
    int err = blob_claim(f->blobs, name, &f->writer);
    if (!err) err = blob_restart(f->writer);
    if (err == ERR_EXISTS) { /* sealed, and the commit was lost */
        err = blob_delete(f->blobs, name);
        pie_files_release(f);
        if (!err) err = blob_claim(f->blobs, name, &f->writer);
    }
    return err ? err : blob_room(f->writer, (uint64_t)file->size);
}

static int piece(struct pie_files *f, const struct pie_file *file, struct arena *arena, const struct xml_node *el) {
    struct str bytes;
    f->is_bad = f->is_bad || base64_decode(arena, xml_text(arena, el), &bytes) ||
                bytes.len > (uint64_t)file->size - blob_offset(f->writer);
    return f->is_bad ? 0 : blob_append(f->writer, bytes);
}

static int end(struct pie_files *f, const struct pie_file *file, struct pie_event *event) {
    if (f->is_bad || blob_offset(f->writer) != (uint64_t)file->size) {
        pie_files_release(f);
        return 0;
    }
    int err = blob_seal(f->writer, f->hash);
    if (!err) event->hash = f->hash;
    f->is_sealed = !err;
    return err;
}

int pie_files_take(struct pie_files *f, const struct pie_state *st, struct arena *arena, struct pie_event *event,
                   enum pie_fate *out) {
    const struct xml_node *el = event->el;
    *out = PIE_PASS;
    if (!f->blobs) return 0;
    if (f->is_sealed) pie_files_release(f); /* and committed: something comes after it */
    if (event->kind == PIE_ELEMENT && xml_is(el, NS_PIE_CONFAB, STR("piece"))) {
        *out = PIE_TAKEN;
        int err = st->file.slot && !f->writer ? begin(f, &st->file) : 0;
        return err || !st->file.slot ? err : piece(f, &st->file, arena, el);
    }
    if (!xml_is(el, NS_PIE_CONFAB, STR("file"))) return 0;
    *out = PIE_PASS_LAST;
    if (event->kind != PIE_CLOSE || !st->file.slot) return 0;
    int err = f->writer ? 0 : begin(f, &st->file); /* it is empty */
    return err ? err : end(f, &st->file, event);
}
