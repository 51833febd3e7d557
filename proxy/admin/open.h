/*
 * open: what the files of the start share (open.c, open_ttl.c).
 *
 * Private to them. Errors: -ENOMEM. Threads: control.
 */
#ifndef PX_ADMIN_OPEN_H
#define PX_ADMIN_OPEN_H

#include "proxy/admin/change.h"

/* A revision into store and history; a disk that is full must not keep a proxy from starting: it
 * says so, and serves. */
int px_open_record(struct px_rulebook *book, json_t *record);

/* Changes whose time ran out while turnout was not running go back, before anybody listens. *last:
 * the store's last record, replaced by that of the revision which says so. */
int px_open_expire(struct px_rulebook *book, json_t **last);

#endif
