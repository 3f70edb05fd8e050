-- SHA-1 of the picture that an account shows (XEP-0084), for its presence (XEP-0398); NULL: none.
ALTER TABLE accounts ADD COLUMN avatar BLOB;
