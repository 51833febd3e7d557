#include "engine/store.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char path[64];

static int set_up(void **state)
{
    char folder[] = "/tmp/turnout-store-XXXXXX";

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/s", folder);
    return 0;
}

static int tear_down(void **state)
{
    char lock[80];

    (void)state;
    unlink(path);
    snprintf(lock, sizeof(lock), "%s.lock", path);
    unlink(lock);
    *strrchr(path, '/') = '\0';
    return rmdir(path);
}

static struct en_store *open_store(void)
{
    struct en_store *store = NULL;

    assert_int_equal(en_store_open(path, NULL, &store), 0);
    return store;
}

static void test_engine_store_remembers_the_last_of_each(void **state)
{
    struct en_store *store = open_store();

    (void)state;
    assert_null(en_store_get(store, "a"));
    assert_int_equal(en_store_put(store, "a", json_integer(1), NULL), 0);
    assert_int_equal(en_store_put(store, "b", json_string("x"), NULL), 0);
    assert_int_equal(en_store_put(store, "a", json_integer(2), NULL), 0);
    en_store_close(store);
    store = open_store();
    assert_int_equal(json_integer_value(en_store_get(store, "a")), 2);
    assert_string_equal(json_string_value(en_store_get(store, "b")), "x");
    en_store_close(store);
}

static void test_engine_store_refuses_a_second_engine(void **state)
{
    struct en_store *store = open_store();
    struct en_store *second = NULL;
    char *why = NULL;

    (void)state;
    assert_int_equal(en_store_open(path, &why, &second), -EAGAIN);
    assert_non_null(why);
    free(why);
    en_store_close(store);
}

static void test_engine_store_cuts_what_a_crash_left(void **state)
{
    struct en_store *store = open_store();
    FILE *file;

    (void)state;
    assert_int_equal(en_store_put(store, "a", json_integer(1), NULL), 0);
    en_store_close(store);
    file = fopen(path, "a");
    fputs("0123", file);
    fclose(file);
    store = open_store();
    assert_int_equal(en_store_cut_bytes(store), 4);
    assert_int_equal(json_integer_value(en_store_get(store, "a")), 1);
    en_store_close(store);
}

static void test_engine_store_stays_small(void **state)
{
    struct en_store *store = open_store();
    char *text = malloc(100001);
    struct stat status;

    (void)state;
    memset(text, 'x', 100000);
    text[100000] = '\0';
    for (int i = 0; i < 100; i++) {
        text[i] = 'y'; /* the same value is not written twice */
        assert_int_equal(en_store_put(store, "a", json_string(text), NULL), 0);
    }
    assert_int_equal(stat(path, &status), 0);
    assert_true(status.st_size < 2 * (off_t)EN_STORE_COMPACT_BYTES);
    en_store_close(store);
    store = open_store();
    assert_string_equal(json_string_value(en_store_get(store, "a")), text);
    en_store_close(store);
    free(text);
}

static void test_engine_store_writes_nothing_new_once(void **state)
{
    struct en_store *store = open_store();
    struct stat before;
    struct stat after;

    (void)state;
    assert_int_equal(en_store_put(store, "a", json_integer(1), NULL), 0);
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(en_store_put(store, "a", json_integer(1), NULL), 0);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_size, after.st_size);
    assert_int_equal(en_store_put(store, "b", NULL, NULL), -ENOMEM);
    assert_null(en_store_get(store, "b"));
    en_store_close(store);
    en_store_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_engine_store_remembers_the_last_of_each, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_engine_store_refuses_a_second_engine, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_engine_store_cuts_what_a_crash_left, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_engine_store_stays_small, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_engine_store_writes_nothing_new_once, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
