/*
 * change_parts: steps of a change that have files of their own: what goes back by itself, and whose
 * a rule is.
 *
 * Private to the rulebook's files, as change.h. Errors, ownership, threads: as there.
 */
#ifndef PX_ADMIN_CHANGE_PARTS_H
#define PX_ADMIN_CHANGE_PARTS_H

#include "proxy/admin/change.h"

/* --- owner.c ------------------------------------------------------------------------------------
 */

/* What a record says, without what makes no sense. NULL: no memory. */
json_t *px_owners_parse(const json_t *said);

/* There is something that a record without a revision may have to say. */
bool px_has_notes(const struct px_rulebook *book);

/* 409 for a rule in somebody else's care. */
int px_change_check_owner(const struct px_rulebook *book, struct px_change *change);

/* --- change_ttl.c -------------------------------------------------------------------------------
 */

/* Which changes are to go back after this one; refuses a ttl where none may be. */
int px_change_ttls(const struct px_rulebook *book, struct px_change *change);

/* As parts (ttl.h): rules whose text in the file is another than before. NULL: no memory. */
json_t *px_touched_by_file(const json_t *hashes_before, const json_t *hashes_after);

/* --- change.c, change_reload.c -------------------------------------------------------------------
 */

/* Refuses for want of memory. */
int px_change_no_memory(struct px_change *change);

/* The parser's messages become the problem; has_places: lines and columns mean something. */
int px_change_refuse_messages(struct px_change *change, const struct px_messages *messages,
                              bool has_places);

/* Warnings of the parser are news for whoever made the change. */
int px_change_note_warnings(struct px_change *change, const struct px_messages *messages);

/* The file (or the text of a dry run) and what is in force, to parsed rules. */
int px_change_compute_reload(struct px_rulebook *book, struct px_change *change);

/* --- ttl_timer.c --------------------------------------------------------------------------------
 */

/* Other changes are to go back, or the book was attached. */
void px_ttls_update(struct px_rulebook *book);
void px_ttls_on_timer(struct tn_timer *timer);

#endif
