/* fields: the same names and values out of JSON and queries; every other text is refused. */
#include "app/fields.h"
#include "app/text.h"
#include "tests/unit/app/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct seen {
    char buffer[1024];
    struct app_text text;
    unsigned refuse_at; /* 1: the first field; 0: none */
    unsigned count;
};

static int on_field(void *context, const char *name, const char *value, const char **ret_problem)
{
    struct seen *seen = context;
    if (++seen->count == seen->refuse_at) {
        *ret_problem = "not this one";
        return -EPERM;
    }
    app_text_add(&seen->text, "%s=[%s] ", name, value);
    return 0;
}

static struct seen read_fields(const char *text, int expected, const char *problem)
{
    static struct seen seen;
    const char *why = NULL;
    seen = (struct seen){.count = 0};
    app_text_init(&seen.text, seen.buffer, sizeof(seen.buffer));
    assert_int_equal(app_fields_parse(text, on_field, &seen, &why), expected);
    if (problem == NULL) {
        assert_null(why);
    } else {
        assert_non_null(why);
        assert_non_null(strstr(why, problem));
    }
    return seen;
}

static void check(const char *text, const char *expected)
{
    struct seen seen = read_fields(text, 0, NULL);
    assert_string_equal(seen.buffer, expected);
}

static void refuse(const char *text, const char *problem)
{
    read_fields(text, -EINVAL, problem);
}

static void test_fields_of_json(void **state)
{
    (void)state;
    check("{}", "");
    check(" { } \r\n", "");
    check("{\"a\":\"b\"}", "a=[b] ");
    check("{ \"transfer\" : \"t1\" ,\n\t\"visits\" : 5 }", "transfer=[t1] visits=[5] ");
    check("{\"a\":true,\"b\":false,\"c\":null,\"d\":-1.5e3}",
          "a=[true] b=[false] c=[null] d=[-1.5e3] ");
    check("{\"\":\"\"}", "=[] ");
}

static void test_fields_of_json_with_escapes(void **state)
{
    (void)state;
    check("{\"a\\\"\":\"\\\\ \\/ \\u0041\\n\\t\"}", "a\"=[\\ / A\n\t] ");
    check("{\"a\":\"\xc3\xa9\"}", "a=[\xc3\xa9] ");
}

static void test_fields_refuse_broken_json(void **state)
{
    static const char *const broken[] = {"{",
                                         "{\"",
                                         "{\"a",
                                         "{\"a\"",
                                         "{\"a\":",
                                         "{\"a\":}",
                                         "{\"a\":\"",
                                         "{\"a\":\"b\"",
                                         "{\"a\":1",
                                         "{\"a\":1,",
                                         "{\"a\":1,}",
                                         "{a:1}",
                                         "{\"a\" 1}",
                                         "{'a':1}",
                                         "{\"a\":tru}",
                                         "{\"a\":yes}",
                                         "{\"a\":1} x",
                                         "{\"a\":1}{}",
                                         "{\"a\":[1]}",
                                         "{\"a\":{\"b\":1}}",
                                         "{,}",
                                         "{\"a\":1 2}",
                                         "{\"a\":\"\n\"}",
                                         "{\"a\":\"\\",
                                         "{\"a\":\"\\x\"}",
                                         "{1:2}",
                                         "{\"a\":\"\\u12\"}",
                                         "{\"a\":\"\\u00e9\"}",
                                         "{\"a\":\"\\u0000\"}",
                                         "{\"a\":+1}"};
    (void)state;
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        refuse(broken[i], "");
    }
}

static void test_fields_say_what_is_wrong(void **state)
{
    (void)state;
    refuse("{\"a\":1} x", "something follows");
    refuse("{\"a\":[1]}", "expected a string, a number, true, false or null");
    refuse("{\"a\" 1}", "expected ':' after a name");
    refuse("{\"a\":1 2}", "expected ',' or '}'");
    refuse("{\"a\":\"b", "does not end");
    refuse("a", "NAME=VALUE");
}

static void test_fields_of_a_query(void **state)
{
    (void)state;
    check("", "");
    check("a=b", "a=[b] ");
    check("transfer=t1&visits=5", "transfer=[t1] visits=[5] ");
    check("a=&b=2&", "a=[] b=[2] ");
    check("a=b=c", "a=[b=c] ");
    check("a%3d=%41%62+c%2Bd", "a==[Ab c+d] ");
}

static void test_fields_refuse_broken_queries(void **state)
{
    (void)state;
    refuse("a&b=1", "NAME=VALUE");
    refuse("&", "NAME=VALUE");
    refuse("a=%", "wrong escape");
    refuse("a=%4", "wrong escape");
    refuse("a=%zz", "wrong escape");
    refuse("a=%00", "NUL");
}

static void test_fields_have_limits(void **state)
{
    char text[512];
    (void)state;
    (void)snprintf(text, sizeof(text), "%063d=1", 0);
    assert_int_equal(read_fields(text, 0, NULL).count, 1);
    (void)snprintf(text, sizeof(text), "%064d=1", 0);
    refuse(text, "too long");
    (void)snprintf(text, sizeof(text), "{\"%064d\":1}", 0);
    refuse(text, "too long");
    (void)snprintf(text, sizeof(text), "{\"a\":\"%0255d\"}", 0);
    assert_int_equal(read_fields(text, 0, NULL).count, 1);
    (void)snprintf(text, sizeof(text), "{\"a\":\"%0256d\"}", 0);
    refuse(text, "too long");
    (void)snprintf(text, sizeof(text), "{\"a\":%0256d}", 0);
    refuse(text, "too long");
}

static void test_fields_stop_when_one_is_refused(void **state)
{
    static const char *const texts[] = {"{\"a\":1,\"b\":2,\"c\":3}", "a=1&b=2&c=3"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct seen seen = {.refuse_at = 2};
        const char *why = NULL;
        app_text_init(&seen.text, seen.buffer, sizeof(seen.buffer));
        assert_int_equal(app_fields_parse(texts[i], on_field, &seen, &why), -EPERM);
        assert_string_equal(why, "not this one");
        assert_string_equal(seen.buffer, "a=[1] ");
        assert_int_equal(seen.count, 2);
    }
}

/* Every prefix of a good text is read or refused, never read beyond: the sanitizers watch. */
static void test_fields_of_every_prefix(void **state)
{
    static const char text[] = "{ \"transfer\" : \"t\\u0031\\\"\", \"visits\":5, \"x\":null }";
    char prefix[sizeof(text)];
    (void)state;
    for (size_t len = 1; len < sizeof(text) - 1; len++) {
        memcpy(prefix, text, len);
        prefix[len] = '\0';
        refuse(prefix, "");
    }
    check(text, "transfer=[t1\"] visits=[5] x=[null] ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_of_json),
        cmocka_unit_test(test_fields_of_json_with_escapes),
        cmocka_unit_test(test_fields_refuse_broken_json),
        cmocka_unit_test(test_fields_say_what_is_wrong),
        cmocka_unit_test(test_fields_of_a_query),
        cmocka_unit_test(test_fields_refuse_broken_queries),
        cmocka_unit_test(test_fields_have_limits),
        cmocka_unit_test(test_fields_stop_when_one_is_refused),
        cmocka_unit_test(test_fields_of_every_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
