#include "proxy/route/cookie.h"
#include "tests/unit/route/fixture.h"

static const struct tn_str name = {"turnout", 7};

static struct px_cookie_keys *make_keys(const char *text)
{
    struct px_cookie_keys *keys = NULL;
    char *why = NULL;

    assert_int_equal(px_cookie_keys_parse(tn_str_of(text), "keys", &why, &keys), 0);
    return keys;
}

static struct px_cookie make_cookie(uint8_t first)
{
    struct px_cookie cookie = {.has_binding = false};

    for (uint8_t i = 0; i < PX_ID_BYTES; i++)
        cookie.id[i] = (uint8_t)(first + i);
    return cookie;
}

struct text {
    char bytes[PX_COOKIE_TEXT_MAX];
    size_t len;
};

static struct text format(const struct px_cookie *cookie, const struct px_cookie_keys *keys)
{
    struct text text;

    text.len = px_cookie_format(cookie, name, keys, text.bytes);
    assert_true(text.len <= PX_COOKIE_TEXT_MAX);
    return text;
}

static enum px_cookie_state parse(const struct text *text, const struct px_cookie_keys *keys,
                                  struct px_cookie *ret_cookie)
{
    return px_cookie_parse((struct tn_str){text->bytes, text->len}, name, keys, ret_cookie);
}

static enum px_cookie_state parse_text(const char *text, const struct px_cookie_keys *keys)
{
    struct px_cookie cookie;

    return px_cookie_parse(tn_str_of(text), name, keys, &cookie);
}

static void test_cookie_unsigned_comes_back(void **state)
{
    struct px_cookie cookie = make_cookie(1);
    struct px_cookie back;
    struct text text = format(&cookie, NULL);

    (void)state;
    assert_int_equal(text.len, 24);
    assert_memory_equal(text.bytes, "1.AQIDBAUGBwgJCgsMDQ4PEA", 24);
    assert_int_equal(parse(&text, NULL, &back), PX_COOKIE_VALID);
    assert_memory_equal(back.id, cookie.id, PX_ID_BYTES);
    assert_false(back.has_binding);
}

static void test_cookie_signed_comes_back(void **state)
{
    struct px_cookie_keys *keys = make_keys(FIXTURE_KEY);
    struct px_cookie cookie = make_cookie(200);
    struct px_cookie back;
    struct text text = format(&cookie, keys);

    (void)state;
    assert_int_equal(text.len, 24 + 2 + 22);
    assert_int_equal(parse(&text, keys, &back), PX_COOKIE_VALID);
    assert_memory_equal(back.id, cookie.id, PX_ID_BYTES);
    assert_false(back.has_binding);
    px_cookie_keys_free(keys);
}

static void test_cookie_binding_comes_back_signed(void **state)
{
    struct px_cookie_keys *keys = make_keys(FIXTURE_KEY);
    struct px_cookie cookie = make_cookie(3);
    struct px_cookie back;
    struct text text;

    (void)state;
    cookie.has_binding = true;
    cookie.binding = 0xfedcba9876543210u;
    text = format(&cookie, keys);
    assert_int_equal(text.len, 24 + 1 + 11 + 1 + 22);
    assert_int_equal(parse(&text, keys, &back), PX_COOKIE_VALID);
    assert_true(back.has_binding);
    assert_true(back.binding == cookie.binding);
    /* without keys nobody could have vouched for it */
    assert_int_equal(parse(&text, NULL, &back), PX_COOKIE_VALID);
    assert_false(back.has_binding);
    assert_int_equal(format(&cookie, NULL).len, 24);
    px_cookie_keys_free(keys);
}

/* Each single change of a character must be noticed. */
static void test_cookie_any_changed_character_is_refused(void **state)
{
    struct px_cookie_keys *keys = make_keys(FIXTURE_KEY);
    struct px_cookie cookie = make_cookie(7);
    struct text text;

    (void)state;
    cookie.has_binding = true;
    cookie.binding = 77;
    text = format(&cookie, keys);
    for (size_t i = 0; i < text.len; i++) {
        static const char others[] = "A_-z0.= \"";

        for (size_t k = 0; k + 1 < sizeof(others); k++) {
            struct text changed = text;
            struct px_cookie back;

            if (text.bytes[i] == others[k])
                continue;
            changed.bytes[i] = others[k];
            assert_true(parse(&changed, keys, &back) < PX_COOKIE_VALID);
        }
    }
    px_cookie_keys_free(keys);
}

static void test_cookie_any_other_length_is_refused(void **state)
{
    struct px_cookie_keys *keys = make_keys(FIXTURE_KEY);
    struct px_cookie cookie = make_cookie(7);
    struct text text = format(&cookie, keys);
    struct px_cookie back;

    (void)state;
    for (size_t len = 0; len < text.len; len++) {
        struct text cut = text;

        cut.len = len;
        assert_true(parse(&cut, keys, &back) < PX_COOKIE_VALID);
        if (len != 24)
            assert_int_equal(parse(&cut, NULL, &back), PX_COOKIE_MALFORMED);
    }
    text.bytes[text.len++] = 'A';
    assert_int_equal(parse(&text, keys, &back), PX_COOKIE_MALFORMED);
    px_cookie_keys_free(keys);
}

static void test_cookie_malformed(void **state)
{
    (void)state;
    assert_int_equal(parse_text("", NULL), PX_COOKIE_MALFORMED);
    assert_int_equal(parse_text("1.", NULL), PX_COOKIE_MALFORMED);
    assert_int_equal(parse_text("2.AQIDBAUGBwgJCgsMDQ4PEA", NULL), PX_COOKIE_MALFORMED);
    assert_int_equal(parse_text("1-AQIDBAUGBwgJCgsMDQ4PEA", NULL), PX_COOKIE_MALFORMED);
    assert_int_equal(parse_text("1.AQIDBAUGBwgJCgsMDQ4PE", NULL), PX_COOKIE_MALFORMED);
    assert_int_equal(parse_text("1.AQIDBAUGBwgJCgsMDQ4P+A", NULL), PX_COOKIE_MALFORMED);
    /* the same bytes spelled another way: 4 spare bits that are not 0 */
    assert_int_equal(parse_text("1.AQIDBAUGBwgJCgsMDQ4PEB", NULL), PX_COOKIE_MALFORMED);
    assert_int_equal(parse_text("\"1.AQIDBAUGBwgJCgsMDQ4PEA\"", NULL), PX_COOKIE_MALFORMED);
    assert_int_equal(parse_text("1.AQIDBAUGBwgJCgsMDQ4PEA", NULL), PX_COOKIE_VALID);
}

static void test_cookie_unsigned_is_refused_with_keys(void **state)
{
    struct px_cookie_keys *keys = make_keys(FIXTURE_KEY);

    (void)state;
    assert_int_equal(parse_text("1.AQIDBAUGBwgJCgsMDQ4PEA", keys), PX_COOKIE_BAD_SIGNATURE);
    px_cookie_keys_free(keys);
}

static void test_cookie_signed_keeps_its_id_without_keys(void **state)
{
    struct px_cookie_keys *keys = make_keys(FIXTURE_KEY);
    struct px_cookie cookie = make_cookie(9);
    struct text text = format(&cookie, keys);
    struct px_cookie back;

    (void)state;
    assert_int_equal(parse(&text, NULL, &back), PX_COOKIE_VALID);
    assert_memory_equal(back.id, cookie.id, PX_ID_BYTES);
    px_cookie_keys_free(keys);
}

static void test_cookie_first_key_signs_all_verify(void **state)
{
    static const char old_line[] = "an old key of more than 32 characters\n";
    static const char new_line[] = "a new key with more than 32 characters\n";
    struct px_cookie_keys *old_keys = make_keys(old_line);
    struct px_cookie_keys *new_keys = make_keys(new_line);
    struct px_cookie_keys *both =
        make_keys("a new key with more than 32 characters\nan old key of more than 32 characters");
    struct px_cookie cookie = make_cookie(1);
    struct text by_old = format(&cookie, old_keys);
    struct text by_both = format(&cookie, both);
    struct px_cookie back;

    (void)state;
    assert_int_equal(parse(&by_old, both, &back), PX_COOKIE_VALID_OLD_KEY);
    assert_int_equal(parse(&by_old, new_keys, &back), PX_COOKIE_BAD_SIGNATURE);
    assert_int_equal(parse(&by_both, new_keys, &back), PX_COOKIE_VALID);
    assert_int_equal(parse(&by_both, old_keys, &back), PX_COOKIE_BAD_SIGNATURE);
    px_cookie_keys_free(old_keys);
    px_cookie_keys_free(new_keys);
    px_cookie_keys_free(both);
}

static void test_cookie_signature_is_of_one_name(void **state)
{
    struct px_cookie_keys *keys = make_keys(FIXTURE_KEY);
    struct px_cookie cookie = make_cookie(1);
    struct text text = format(&cookie, keys);
    struct px_cookie back;

    (void)state;
    assert_int_equal(
        px_cookie_parse((struct tn_str){text.bytes, text.len}, TN_STR("other"), keys, &back),
        PX_COOKIE_BAD_SIGNATURE);
    px_cookie_keys_free(keys);
}

/* Terminates, for comparing. */
static size_t set(const struct px_sticky *sticky, bool https, char *buffer, size_t size)
{
    struct px_cookie cookie = make_cookie(1);
    size_t len = px_cookie_set(&cookie, sticky, NULL, https, buffer, size - 1);

    buffer[len] = '\0';
    return len;
}

static void test_cookie_set_has_its_attributes(void **state)
{
    char cookie_name[] = "turnout";
    struct px_sticky sticky = {.by = PX_STICKY_COOKIE, .name = cookie_name};
    char buffer[PX_SET_COOKIE_MAX];
    size_t len;

    (void)state;
    set(&sticky, false, buffer, sizeof(buffer));
    assert_string_equal(buffer, "turnout=1.AQIDBAUGBwgJCgsMDQ4PEA; HttpOnly; SameSite=Lax; Path=/");
    set(&sticky, true, buffer, sizeof(buffer));
    assert_string_equal(buffer,
                        "turnout=1.AQIDBAUGBwgJCgsMDQ4PEA; HttpOnly; SameSite=Lax; Path=/; Secure");
    sticky.max_age_ms = 3600001;
    len = set(&sticky, true, buffer, sizeof(buffer));
    assert_int_equal(len, strlen(buffer));
    assert_string_equal(buffer, "turnout=1.AQIDBAUGBwgJCgsMDQ4PEA; HttpOnly; SameSite=Lax; Path=/; "
                                "Max-Age=3601; Secure");
    sticky.max_age_ms = UINT64_MAX;
    assert_true(set(&sticky, true, buffer, sizeof(buffer)) > 0);
    assert_non_null(strstr(buffer, "Max-Age=18446744073709552;"));
}

static void test_cookie_set_that_does_not_fit_is_none(void **state)
{
    char cookie_name[400];
    struct px_sticky sticky = {.by = PX_STICKY_COOKIE, .name = cookie_name};
    char buffer[PX_SET_COOKIE_MAX];

    (void)state;
    memset(cookie_name, 'x', sizeof(cookie_name));
    cookie_name[sizeof(cookie_name) - 1] = '\0';
    assert_int_equal(set(&sticky, true, buffer, sizeof(buffer)), 0);
    cookie_name[128] = '\0';
    sticky.max_age_ms = UINT64_MAX;
    assert_true(set(&sticky, true, buffer, sizeof(buffer)) > 0);
    /* exactly as much room as it needs, and one byte less */
    sticky.max_age_ms = 0;
    cookie_name[1] = '\0';
    assert_int_equal(set(&sticky, false, buffer, 59), 58);
    assert_int_equal(set(&sticky, false, buffer, 58), 0);
}

/* Replicas of other builds must read it: computed with Python's hashlib.blake2b. */
static void test_cookie_vector(void **state)
{
    struct px_cookie_keys *keys = make_keys(FIXTURE_KEY);
    struct px_cookie cookie = make_cookie(1);
    struct text text;

    (void)state;
    cookie.has_binding = true;
    cookie.binding = 0x0102030405060708u;
    text = format(&cookie, keys);
    text.bytes[text.len] = '\0';
    assert_string_equal(text.bytes, "1.AQIDBAUGBwgJCgsMDQ4PEA.CAcGBQQDAgE.MEGkv5ZzbXAaLPD66fRUaQ");
    px_cookie_keys_free(keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cookie_unsigned_comes_back),
        cmocka_unit_test(test_cookie_signed_comes_back),
        cmocka_unit_test(test_cookie_binding_comes_back_signed),
        cmocka_unit_test(test_cookie_any_changed_character_is_refused),
        cmocka_unit_test(test_cookie_any_other_length_is_refused),
        cmocka_unit_test(test_cookie_malformed),
        cmocka_unit_test(test_cookie_unsigned_is_refused_with_keys),
        cmocka_unit_test(test_cookie_signed_keeps_its_id_without_keys),
        cmocka_unit_test(test_cookie_first_key_signs_all_verify),
        cmocka_unit_test(test_cookie_signature_is_of_one_name),
        cmocka_unit_test(test_cookie_set_has_its_attributes),
        cmocka_unit_test(test_cookie_set_that_does_not_fit_is_none),
        cmocka_unit_test(test_cookie_vector),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
