#include "lib/api/users.h"

#include "lib/net/control.h"

#include <errno.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENTRY_BYTES 4096 /* of a user in the directory: a longer one has no name here */

struct user {
    bool is_used;
    uid_t uid;
    uint64_t learned_ms;
    char name[TN_API_USER_SIZE]; /* "": it has none */
};

struct lookup;

struct tn_api_users {
    struct tn_loop *loop;
    struct lookup *lookup; /* under way, or NULL: one at a time */
    struct user users[TN_API_USERS_MAX];
};

struct lookup {
    struct tn_work work;
    struct tn_api_users *users; /* NULL: nobody wants it any more */
    uid_t uid;
    bool is_answered;
    char name[TN_API_USER_SIZE];
};

/* Plain names only: they go into logs, JSON and terminals. */
static bool is_plain(const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < len; i++) {
        if (name[i] <= ' ' || name[i] > '~')
            return false;
    }
    return len > 0 && len < TN_API_USER_SIZE;
}

/* False: the directory did not answer. name "": it knows none. */
static bool ask(uid_t uid, char name[TN_API_USER_SIZE])
{
    char buffer[ENTRY_BYTES];
    struct passwd entry;
    struct passwd *found = NULL;
    int error = getpwuid_r(uid, &entry, buffer, sizeof(buffer), &found);

    name[0] = '\0';
    if (error == 0 && found && is_plain(found->pw_name))
        snprintf(name, TN_API_USER_SIZE, "%s", found->pw_name);
    return error == 0 || error == ENOENT || error == ESRCH || error == ERANGE;
}

static struct user *find(struct tn_api_users *users, uid_t uid)
{
    for (size_t i = 0; i < TN_API_USERS_MAX; i++) {
        if (users->users[i].is_used && users->users[i].uid == uid)
            return &users->users[i];
    }
    return NULL;
}

/* Its own, or a free one, or that of the oldest. */
static struct user *place_for(struct tn_api_users *users, uid_t uid)
{
    struct user *place = find(users, uid);

    if (place)
        return place;
    place = &users->users[0];
    for (size_t i = 1; i < TN_API_USERS_MAX && place->is_used; i++) {
        if (!users->users[i].is_used || users->users[i].learned_ms < place->learned_ms)
            place = &users->users[i];
    }
    return place;
}

static void keep(struct tn_api_users *users, uid_t uid, const char *name)
{
    struct user *place = place_for(users, uid);

    place->is_used = true;
    place->uid = uid;
    place->learned_ms = tn_loop_now_ms(users->loop);
    snprintf(place->name, sizeof(place->name), "%s", name);
}

static void run(struct tn_work *work)
{
    struct lookup *lookup = TN_CONTAINER_OF(work, struct lookup, work);

    lookup->is_answered = ask(lookup->uid, lookup->name);
}

static void on_done(struct tn_work *work)
{
    struct lookup *lookup = TN_CONTAINER_OF(work, struct lookup, work);

    if (lookup->users)
        lookup->users->lookup = NULL;
    if (lookup->users && lookup->is_answered)
        keep(lookup->users, lookup->uid, lookup->name);
    free(lookup);
}

static void start_lookup(struct tn_api_users *users, uid_t uid)
{
    struct lookup *lookup;

    if (users->lookup)
        return;
    lookup = calloc(1, sizeof(*lookup));
    if (!lookup)
        return;
    lookup->users = users;
    lookup->uid = uid;
    lookup->work.run = run;
    lookup->work.on_done = on_done;
    if (tn_work_start(&lookup->work, users->loop) != 0)
        free(lookup);
    else
        users->lookup = lookup;
}

struct tn_api_users *tn_api_users_new(struct tn_loop *loop)
{
    struct tn_api_users *users = calloc(1, sizeof(*users));
    char name[TN_API_USER_SIZE];

    if (!users)
        return NULL;
    users->loop = loop;
    if (ask(0, name))
        keep(users, 0, name);
    if (geteuid() != 0 && ask(geteuid(), name))
        keep(users, geteuid(), name);
    return users;
}

void tn_api_users_free(struct tn_api_users *users)
{
    if (!users)
        return;
    if (users->lookup)
        users->lookup->users = NULL;
    free(users);
}

void tn_api_users_name(struct tn_api_users *users, uid_t uid, char ret_name[TN_API_USER_SIZE])
{
    const struct user *user = find(users, uid);

    if (user && user->name[0])
        snprintf(ret_name, TN_API_USER_SIZE, "%s", user->name);
    else
        snprintf(ret_name, TN_API_USER_SIZE, "uid %u", (unsigned)uid);
    if (!user || tn_loop_now_ms(users->loop) - user->learned_ms >= TN_API_USERS_FRESH_MS)
        start_lookup(users, uid);
}
