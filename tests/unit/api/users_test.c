#include "lib/api/users.h"

#include "tests/support/virtual_time.h"

#include <errno.h>
#include <pthread.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* --- a directory that the test writes ----------------------------------------------------------
 */

static struct {
    _Atomic unsigned asked;
    _Atomic int error;
    const char *_Atomic name; /* of 1000; NULL: there is none */
    pthread_t asker;
} directory;

int __wrap_getpwuid_r(uid_t uid, struct passwd *entry, char *buffer, size_t size,
                      struct passwd **ret_entry);

int __wrap_getpwuid_r(uid_t uid, struct passwd *entry, char *buffer, size_t size,
                      struct passwd **ret_entry)
{
    const char *name = uid == 0 ? "root" : uid == 1000 ? directory.name : "other";

    directory.asked++;
    directory.asker = pthread_self();
    *ret_entry = NULL;
    if (directory.error)
        return directory.error;
    if (!name)
        return 0;
    *entry = (struct passwd){.pw_uid = uid, .pw_name = buffer};
    snprintf(buffer, size, "%s", name);
    *ret_entry = entry;
    return 0;
}

struct fixture {
    struct tn_loop loop;
    struct tn_api_users *users;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    tn_net_init();
    directory.asked = 0;
    directory.error = 0;
    directory.name = "lena";
    assert_int_equal(tn_loop_init(&fixture->loop), 0);
    fixture->users = tn_api_users_new(&fixture->loop);
    assert_non_null(fixture->users);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    tn_api_users_free(fixture->users);
    tn_loop_run(&fixture->loop);
    assert_int_equal(tn_loop_deinit(&fixture->loop), 0);
    free(fixture);
    return 0;
}

static void expect(struct fixture *fixture, uid_t uid, const char *expected)
{
    char name[TN_API_USER_SIZE];

    tn_api_users_name(fixture->users, uid, name);
    assert_string_equal(name, expected);
}

static void pass(struct fixture *fixture, uint64_t ms)
{
    virtual_time_pass(ms);
    uv_update_time(&fixture->loop.uv);
}

/* --- tests -------------------------------------------------------------------------------------
 */

static void test_users_knows_root_and_itself_at_once(void **state)
{
    struct fixture *fixture = *state;
    unsigned asked = directory.asked;

    expect(fixture, 0, "root");
    if (geteuid() != 0)
        expect(fixture, geteuid(), "other");
    assert_int_equal(directory.asked, asked);
}

static void test_users_learns_others_without_waiting(void **state)
{
    struct fixture *fixture = *state;

    expect(fixture, 1000, "uid 1000");
    tn_loop_run(&fixture->loop); /* ends with the lookup */
    assert_false(pthread_equal(directory.asker, pthread_self()));
    expect(fixture, 1000, "lena");
}

static void test_users_without_a_name(void **state)
{
    static const char *const names[] = {NULL, "", "two words", "tab\t", "esc\033[2J", "h\xc3\xa9"};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        directory.name = names[i];
        expect(fixture, 1000, "uid 1000");
        pass(fixture, TN_API_USERS_FRESH_MS);
        tn_loop_run(&fixture->loop);
        expect(fixture, 1000, "uid 1000");
        tn_loop_run(&fixture->loop);
    }
}

/* A uid may go to somebody else. */
static void test_users_asks_again_when_a_name_is_old(void **state)
{
    struct fixture *fixture = *state;
    unsigned asked;

    expect(fixture, 1000, "uid 1000");
    tn_loop_run(&fixture->loop);
    directory.name = "mia";
    asked = directory.asked;
    expect(fixture, 1000, "lena");
    assert_int_equal(directory.asked, asked);
    pass(fixture, TN_API_USERS_FRESH_MS);
    expect(fixture, 1000, "lena");
    tn_loop_run(&fixture->loop);
    expect(fixture, 1000, "mia");
}

static void test_users_keeps_a_name_while_the_directory_is_away(void **state)
{
    struct fixture *fixture = *state;

    expect(fixture, 1000, "uid 1000");
    tn_loop_run(&fixture->loop);
    directory.error = EIO;
    pass(fixture, TN_API_USERS_FRESH_MS);
    expect(fixture, 1000, "lena");
    tn_loop_run(&fixture->loop);
    expect(fixture, 1000, "lena");
    tn_loop_run(&fixture->loop);
}

static void test_users_forgets_the_oldest(void **state)
{
    struct fixture *fixture = *state;

    expect(fixture, 1000, "uid 1000");
    tn_loop_run(&fixture->loop);
    for (uid_t uid = 2000; uid < 2000 + TN_API_USERS_MAX; uid++) {
        char nameless[32];

        pass(fixture, 1);
        snprintf(nameless, sizeof(nameless), "uid %u", (unsigned)uid);
        expect(fixture, uid, nameless);
        tn_loop_run(&fixture->loop);
        expect(fixture, uid, "other");
    }
    expect(fixture, 1000, "uid 1000");
    tn_loop_run(&fixture->loop);
}

static void test_users_may_go_during_a_lookup(void **state)
{
    struct fixture *fixture = *state;

    expect(fixture, 1000, "uid 1000");
    tn_api_users_free(fixture->users);
    fixture->users = NULL;
    tn_loop_run(&fixture->loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_users_knows_root_and_itself_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_users_learns_others_without_waiting, setup, teardown),
        cmocka_unit_test_setup_teardown(test_users_without_a_name, setup, teardown),
        cmocka_unit_test_setup_teardown(test_users_asks_again_when_a_name_is_old, setup, teardown),
        cmocka_unit_test_setup_teardown(test_users_keeps_a_name_while_the_directory_is_away, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_users_forgets_the_oldest, setup, teardown),
        cmocka_unit_test_setup_teardown(test_users_may_go_during_a_lookup, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
