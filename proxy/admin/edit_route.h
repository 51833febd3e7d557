/*
 * edit_route: what the strategies of `route`, and promote, share.
 *
 * Private to edit_route.c (all, canary, shadow), edit_ab.c and edit_promote.c. Shapes, errors,
 * ownership: edit.h.
 */
#ifndef PX_ADMIN_EDIT_ROUTE_H
#define PX_ADMIN_EDIT_ROUTE_H

#include "proxy/admin/edit.h"

/* The rule that is arranged anew, before and after. Its mirrors and the match rules that `route`
 * made for it are gone already. */
struct px_route_edit {
    struct px_edit *edit;
    json_t *rule;         /* changed in place */
    json_t *before;       /* a copy */
    const json_t *sticky; /* of the users, see edit.h; borrowed from before or the file */
    size_t index;         /* of rule in the list */
};

/* The match rules that `route` made for it before. */
void px_route_edit_remove_made(struct px_route_edit *route);

/* Says which rules in front of it take their requests first, wherever they send them. */
void px_route_edit_note_elsewhere(struct px_route_edit *route);

/* NULL: none. */
int px_route_edit_sticky(struct px_route_edit *route, const json_t *sticky);

int px_route_edit_one(json_t *rule, const char *version);

/* Members "stable" and "canary", which must differ. */
int px_route_edit_pair(struct px_route_edit *route, const char **ret_stable,
                       const char **ret_canary);

int px_route_edit_ab(struct px_route_edit *route);

#endif
