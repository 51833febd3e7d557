#include "proxy/privileges.h"

#include "lib/base/str.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int refuse(char **ret_why, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int refuse(char **ret_why, int error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (vasprintf(ret_why, format, args) < 0)
        *ret_why = NULL;
    va_end(args);
    return error;
}

/* -1 is what setresuid(2) takes for "leave it as it is". */
static bool parse_number(const char *text, uint32_t *ret_number)
{
    unsigned long long number;

    if (tn_str_parse_u64(tn_str_of(text), UINT32_MAX - 1, &number) != 0)
        return false;
    *ret_number = (uint32_t)number;
    return true;
}

int px_privileges_find_group(const char *key, const char *group, gid_t *ret_gid, char **ret_why)
{
    const struct group *entry = getgrnam(group);
    uint32_t number;

    if (entry)
        *ret_gid = entry->gr_gid;
    else if (parse_number(group, &number))
        *ret_gid = number;
    else
        return refuse(ret_why, -EINVAL, "%s: there is no group '%s'", key, group);
    return 0;
}

int px_privileges_find(const char *user, struct px_identity *ret_identity, char **ret_why)
{
    struct px_identity identity = {0};
    const char *colon = strchr(user, ':');
    size_t len = colon ? (size_t)(colon - user) : strlen(user);
    const struct passwd *entry;
    uint32_t number;
    int error = 0;

    *ret_why = NULL;
    if (len == 0 || len >= sizeof(identity.name) || (colon && colon[1] == '\0'))
        return refuse(ret_why, -EINVAL, "user: expected USER or USER:GROUP, found '%s'", user);
    memcpy(identity.name, user, len);
    entry = getpwnam(identity.name);
    if (!entry && parse_number(identity.name, &number)) {
        entry = getpwuid(number);
        identity.uid = number;
        identity.name[0] = '\0';
        if (!entry && !colon)
            return refuse(
                ret_why, -EINVAL,
                "user: %s has no entry among the users, so say its group: user: \"%s:%s\"", user,
                user, user);
    } else if (!entry) {
        return refuse(ret_why, -EINVAL, "user: there is no user '%s'", identity.name);
    }
    if (entry) {
        identity.uid = entry->pw_uid;
        identity.gid = entry->pw_gid;
        snprintf(identity.name, sizeof(identity.name), "%s", entry->pw_name);
    }
    if (colon)
        error = px_privileges_find_group("user", colon + 1, &identity.gid, ret_why);
    if (!error)
        *ret_identity = identity;
    return error;
}

static uint32_t permitted(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};

    return syscall(SYS_capget, &header, data) == 0 ? data[0].permitted : 0;
}

static int keep_only(uint32_t capabilities)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {
        {.effective = capabilities, .permitted = capabilities}};

    return syscall(SYS_capset, &header, data) == 0 ? 0 : -errno;
}

static int change(const struct px_identity *identity)
{
    const uint32_t bind_low_ports = permitted() & (1U << CAP_NET_BIND_SERVICE);
    int r = identity->name[0] ? initgroups(identity->name, identity->gid)
                              : setgroups(1, &identity->gid);

    if (r != 0 || prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 ||
        setresgid(identity->gid, identity->gid, identity->gid) != 0 ||
        setresuid(identity->uid, identity->uid, identity->uid) != 0)
        return -errno;
    return keep_only(bind_low_ports);
}

int px_privileges_become(const char *user, char **ret_why)
{
    struct px_identity identity;
    int error = px_privileges_find(user, &identity, ret_why);

    if (error)
        return error;
    if (geteuid() == identity.uid && getuid() == identity.uid)
        return 0;
    if (geteuid() != 0)
        return refuse(ret_why, -EPERM, "user: only root can become '%s', this is user %u", user,
                      (unsigned)geteuid());
    error = change(&identity);
    return error ? refuse(ret_why, error, "user: cannot become '%s': %s", user, strerror(-error))
                 : 0;
}

int px_privileges_settle(char **ret_why)
{
    int error = 0;

    *ret_why = NULL;
    if (getuid() != 0) {
        error = keep_only(0);
        if (!error && (setuid(0) == 0 || geteuid() == 0))
            error = -EPERM;
    }
    if (!error && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        error = -errno;
    return error
               ? refuse(ret_why, error, "user: privileges can't be given up: %s", strerror(-error))
               : 0;
}
