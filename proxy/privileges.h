/*
 * privileges: root only for as long as a port below 1024 is to be bound.
 *
 * Not for what a user may do with files: everything that is opened after px_privileges_become() is
 * opened as that user, so what would fail at a later reload fails at the start.
 * Shapes: "user" or "user:group", names or numbers; a number without an entry needs a group. Order:
 * become, open and bind everything, settle, start threads: what settle gives up, a thread that runs
 * already would keep. Errors: 0 or negative errno with a sentence in ret_why (malloc'd, NULL when
 * out of memory). Threads: before there are any.
 */
#ifndef PX_PRIVILEGES_H
#define PX_PRIVILEGES_H

#include <sys/types.h>

struct px_identity {
    uid_t uid;
    gid_t gid;
    char name[64]; /* for the groups that it belongs to; "" for a bare number */
};

/* -EINVAL: not of that shape, or there is no such user or group. */
int px_privileges_find(const char *user, struct px_identity *ret_identity, char **ret_why);

/* A group by name or number. key: what the message begins with. */
int px_privileges_find_group(const char *key, const char *group, gid_t *ret_gid, char **ret_why);

/*
 * The process is that user from here on, and may still bind low ports if it could before. -EPERM:
 * it is neither root nor that user already.
 */
int px_privileges_become(const char *user, char **ret_why);

/* Gives up the rest for good, also what a set-user-id program would bring. */
int px_privileges_settle(char **ret_why);

#endif
