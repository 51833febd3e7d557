#include "proxy/route/cookie.h"
#include "tests/unit/route/fixture.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_32 "0123456789abcdef0123456789abcdef"

static int parse(const char *text, char **ret_why, uint32_t *ret_count)
{
    struct px_cookie_keys *keys = NULL;
    int error = px_cookie_keys_parse(tn_str_of(text), "cookie.keys", ret_why, &keys);

    *ret_count = keys ? keys->count : 0;
    px_cookie_keys_free(keys);
    return error;
}

static void expect_refused(const char *text, const char *reason)
{
    char *why = NULL;
    uint32_t count;

    assert_int_equal(parse(text, &why, &count), -EINVAL);
    assert_non_null(why);
    assert_string_equal(why, reason);
    free(why);
}

static void expect_keys(const char *text, uint32_t expected)
{
    char *why = NULL;
    uint32_t count;

    assert_int_equal(parse(text, &why, &count), 0);
    assert_null(why);
    assert_int_equal(count, expected);
}

static void test_cookie_keys_one_a_line(void **state)
{
    (void)state;
    expect_keys(KEY_32, 1);
    expect_keys(KEY_32 "\n", 1);
    expect_keys(KEY_32 "\r\n" KEY_32 "x\r\n", 2);
    expect_keys("\n\n" KEY_32 "\n\n  " KEY_32 "y  \n\n", 2);
}

static void test_cookie_keys_space_around_a_key_is_not_part_of_it(void **state)
{
    struct px_cookie_keys *a = NULL;
    struct px_cookie_keys *b = NULL;
    char *why = NULL;

    (void)state;
    assert_int_equal(px_cookie_keys_parse(TN_STR(KEY_32), "a", &why, &a), 0);
    assert_int_equal(px_cookie_keys_parse(TN_STR("\t" KEY_32 " \r\n"), "b", &why, &b), 0);
    assert_memory_equal(a->keys, b->keys, sizeof(a->keys));
    px_cookie_keys_free(a);
    px_cookie_keys_free(b);
}

static void test_cookie_keys_mistakes_name_file_and_line(void **state)
{
    char text[1024];

    (void)state;
    expect_refused("", "cookie.keys: holds no key; expected one of at least 32 characters a line");
    expect_refused("\n  \n",
                   "cookie.keys: holds no key; expected one of at least 32 characters a line");
    expect_refused("secret", "cookie.keys:1: a key of 6 characters; expected 32 to 512");
    expect_refused(KEY_32 "\n\n0123456789abcdef0123456789abcde\n",
                   "cookie.keys:3: a key of 31 characters; expected 32 to 512");
    memset(text, 'k', 513);
    text[513] = '\0';
    expect_refused(text, "cookie.keys:1: a key of 513 characters; expected 32 to 512");
    text[512] = '\0';
    expect_keys(text, 1);
}

static void test_cookie_keys_at_most_eight(void **state)
{
    char text[9 * 34 + 1] = "";

    (void)state;
    for (int i = 0; i < 9; i++)
        snprintf(text + i * 34, sizeof(text) - (size_t)i * 34, KEY_32 "%d\n", i);
    expect_refused(text, "cookie.keys:9: more than 8 keys");
    text[8 * 34] = '\0';
    expect_keys(text, 8);
}

/* A file with this text, or none. */
struct file {
    char dir[32];
    char path[64];
};

static struct file make_file(const char *text)
{
    struct file file = {.dir = "/tmp/turnout-keys-XXXXXX"};
    FILE *stream;

    assert_non_null(mkdtemp(file.dir));
    snprintf(file.path, sizeof(file.path), "%s/cookie.keys", file.dir);
    if (text) {
        stream = fopen(file.path, "w");
        assert_non_null(stream);
        fputs(text, stream);
        fclose(stream);
    }
    return file;
}

static void remove_file(const struct file *file)
{
    unlink(file->path);
    rmdir(file->dir);
}

static void test_cookie_keys_load(void **state)
{
    struct file file = make_file(KEY_32 "\n");
    struct px_cookie_keys *keys = NULL;
    char *why = NULL;

    (void)state;
    assert_int_equal(px_cookie_keys_load(file.path, &why, &keys), 0);
    assert_null(why);
    assert_int_equal(keys->count, 1);
    px_cookie_keys_free(keys);
    remove_file(&file);
}

static void test_cookie_keys_load_that_fails_says_why(void **state)
{
    struct file file = make_file(NULL);
    struct px_cookie_keys *keys = NULL;
    char expected[128];
    char *why = NULL;

    (void)state;
    assert_int_equal(px_cookie_keys_load(file.path, &why, &keys), -ENOENT);
    snprintf(expected, sizeof(expected), "%s: No such file or directory", file.path);
    assert_string_equal(why, expected);
    free(why);
    assert_int_equal(px_cookie_keys_load(file.dir, &why, &keys), -EISDIR);
    free(why);
    assert_null(keys);
    remove_file(&file);
}

static void test_cookie_keys_load_is_limited(void **state)
{
    static char text[9000];
    struct file file;
    struct px_cookie_keys *keys = NULL;
    char *why = NULL;

    (void)state;
    memset(text, '\n', sizeof(text) - 1);
    file = make_file(text);
    assert_int_equal(px_cookie_keys_load(file.path, &why, &keys), -EINVAL);
    assert_non_null(strstr(why, "more than 8192 bytes"));
    free(why);
    remove_file(&file);
}

static void test_cookie_keys_free_takes_null(void **state)
{
    (void)state;
    px_cookie_keys_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cookie_keys_one_a_line),
        cmocka_unit_test(test_cookie_keys_space_around_a_key_is_not_part_of_it),
        cmocka_unit_test(test_cookie_keys_mistakes_name_file_and_line),
        cmocka_unit_test(test_cookie_keys_at_most_eight),
        cmocka_unit_test(test_cookie_keys_load),
        cmocka_unit_test(test_cookie_keys_load_that_fails_says_why),
        cmocka_unit_test(test_cookie_keys_load_is_limited),
        cmocka_unit_test(test_cookie_keys_free_takes_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
