#include "proxy/privileges.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void found(const char *user, uid_t uid, gid_t gid, const char *name)
{
    struct px_identity identity;
    char *why = NULL;

    assert_int_equal(px_privileges_find(user, &identity, &why), 0);
    assert_null(why);
    assert_int_equal(identity.uid, uid);
    assert_int_equal(identity.gid, gid);
    assert_string_equal(identity.name, name);
}

static void refused(const char *user, const char *text)
{
    struct px_identity identity = {.uid = 77};
    char *why = NULL;

    assert_int_equal(px_privileges_find(user, &identity, &why), -EINVAL);
    if (!why || !strstr(why, text))
        fail_msg("'%s' is refused with '%s', not with '%s'", user, why ? why : "", text);
    assert_int_equal(identity.uid, 77); /* untouched */
    free(why);
}

static void test_privileges_find_names_and_numbers(void **state)
{
    (void)state;
    found("root", 0, 0, "root");
    found("0", 0, 0, "root");
    found("root:12345", 0, 12345, "root");
    found("54321:54322", 54321, 54322, "");
    found("54321:root", 54321, 0, "");
}

static void test_privileges_find_says_what_is_wrong(void **state)
{
    char *longest = calloc(1, 200);

    (void)state;
    refused("", "expected USER or USER:GROUP");
    refused(":root", "expected USER or USER:GROUP");
    refused("root:", "expected USER or USER:GROUP");
    refused("nobody-here-by-that-name", "there is no user 'nobody-here-by-that-name'");
    refused("root:no-such-group-here", "there is no group 'no-such-group-here'");
    refused("54321", "say its group");
    /* -1 means "leave it" to the kernel: never a user. */
    refused("4294967295:0", "there is no user '4294967295'");
    refused("0:4294967295", "there is no group '4294967295'");
    refused("-1:0", "there is no user '-1'");
    memset(longest, 'x', 199);
    refused(longest, "expected USER or USER:GROUP");
    free(longest);
}

static void test_privileges_become_oneself_changes_nothing(void **state)
{
    char self[32];
    char *why = NULL;

    (void)state;
    snprintf(self, sizeof(self), "%u:%u", (unsigned)getuid(), (unsigned)getgid());
    assert_int_equal(px_privileges_become(self, &why), 0);
    assert_null(why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_privileges_find_names_and_numbers),
        cmocka_unit_test(test_privileges_find_says_what_is_wrong),
        cmocka_unit_test(test_privileges_become_oneself_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
