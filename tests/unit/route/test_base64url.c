#include "proxy/route/base64url.h"
#include "tests/unit/route/fixture.h"

static void test_base64url_vectors(void **state)
{
    /* RFC 4648 section 10, and the two characters that differ from base64 */
    static const char *const vectors[][2] = {
        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff", "-_8"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        size_t len = strlen(vectors[i][0]);
        uint8_t bytes[8] = {0};
        char text[16];

        assert_int_equal(px_base64url_encode((const uint8_t *)vectors[i][0], len, text),
                         strlen(vectors[i][1]));
        assert_memory_equal(text, vectors[i][1], strlen(vectors[i][1]));
        assert_true(px_base64url_decode(vectors[i][1], bytes, len));
        assert_memory_equal(bytes, vectors[i][0], len);
    }
}

static void test_base64url_any_bytes_come_back(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 2000; i++) {
        uint64_t bytes[2] = {strategy_mix(i), strategy_mix(~i)};
        uint8_t back[16] = {0};
        char text[32];
        size_t len = i % 17;
        size_t chars = px_base64url_encode((const uint8_t *)bytes, len, text);

        assert_int_equal(chars, (4 * len + 2) / 3);
        assert_true(px_base64url_decode(text, back, len));
        assert_memory_equal(back, bytes, len);
    }
}

static void test_base64url_other_characters_are_refused(void **state)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    (void)state;
    for (int c = 0; c < 256; c++) {
        char text[4] = {'A', (char)c, 'A', 'A'};
        uint8_t bytes[3];

        assert_int_equal(px_base64url_decode(text, bytes, 3), c != 0 && strchr(letters, c) != NULL);
    }
}

static void test_base64url_spare_bits_must_be_zero(void **state)
{
    uint8_t bytes[2];

    (void)state;
    assert_true(px_base64url_decode("Zg", bytes, 1));
    assert_false(px_base64url_decode("Zh", bytes, 1));
    assert_true(px_base64url_decode("Zm8", bytes, 2));
    assert_false(px_base64url_decode("Zm9", bytes, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base64url_vectors),
        cmocka_unit_test(test_base64url_any_bytes_come_back),
        cmocka_unit_test(test_base64url_other_characters_are_refused),
        cmocka_unit_test(test_base64url_spare_bits_must_be_zero),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
