/*
 * users: names for the uids of those who connect.
 *
 * Not for deciding anything: a name is decoration of a uid, which alone is proven. Looking one up
 * may ask a directory on the network and wait for it, so it happens on a thread of the pool and
 * nobody waits for it: until it is known, a user is "uid 1000". The process's own user and root,
 * who are almost all, are asked for when the table is made. A name is asked for again once it is
 * TN_API_USERS_FRESH_MS old: a uid may go to somebody else. Shapes: at most TN_API_USERS_MAX; then
 * the oldest is forgotten. Errors: without memory or thread the name stays what it was. Ownership:
 * tn_api_users_free(); a lookup that is under way then keeps the loop until it ends. Threads: the
 * loop's.
 */
#ifndef TN_API_USERS_H
#define TN_API_USERS_H

#include "lib/net/loop.h"

#include <sys/types.h>

#define TN_API_USERS_MAX 16
#define TN_API_USERS_FRESH_MS 60000
#define TN_API_USER_SIZE 64

struct tn_api_users;

/* NULL: no memory. */
struct tn_api_users *tn_api_users_new(struct tn_loop *loop);

/* NULL is fine. */
void tn_api_users_free(struct tn_api_users *users);

void tn_api_users_name(struct tn_api_users *users, uid_t uid, char ret_name[TN_API_USER_SIZE]);

#endif
