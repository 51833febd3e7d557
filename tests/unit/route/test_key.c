#include "proxy/route/key.h"
#include "tests/unit/route/fixture.h"

#include <arpa/inet.h>

static char header_name[] = "X-User";
static char cookie_name[] = "session";

static const struct px_sticky by_header = {.by = PX_STICKY_HEADER, .name = header_name};
static const struct px_sticky by_cookie = {.by = PX_STICKY_OWN_COOKIE, .name = cookie_name};
static const struct px_sticky by_client = {.by = PX_STICKY_CLIENT_IP};

static bool find(struct fixture *f, const struct px_sticky *sticky, const char *fields,
                 uint64_t *ret_key)
{
    char text[512];

    snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n%s", fields);
    fixture_request(f, text);
    return px_key_find(sticky, 1, &f->request, ret_key);
}

static void test_key_of_header(void **state)
{
    struct fixture *f = fixture_new();
    uint64_t key = 5;
    uint64_t other;

    (void)state;
    assert_true(find(f, &by_header, "X-User: 7\r\n", &key));
    assert_true(find(f, &by_header, "A: 1\r\nx-user: 7\r\n", &other));
    assert_true(key == other);
    assert_true(find(f, &by_header, "X-User: 8\r\n", &other));
    assert_true(key != other);
    fixture_free(f);
}

static void test_key_of_header_that_is_no_key(void **state)
{
    static const char *const fields[] = {"", "X-User:\r\n", "X-User: 7\r\nX-User: 8\r\n",
                                         "X_User: 7\r\n", "X-User: 7\r\nX_User: 7\r\n"};
    struct fixture *f = fixture_new();
    uint64_t key = 5;

    (void)state;
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        assert_false(find(f, &by_header, fields[i], &key));
        assert_true(key == 5); /* untouched */
    }
    fixture_free(f);
}

static void test_key_of_own_cookie(void **state)
{
    struct fixture *f = fixture_new();
    uint64_t key;
    uint64_t other;

    (void)state;
    assert_true(find(f, &by_cookie, "Cookie: a=1; session=xyz\r\n", &key));
    assert_true(find(f, &by_cookie, "Cookie: session=xyz\r\n", &other));
    assert_true(key == other);
    assert_false(find(f, &by_cookie, "Cookie: a=1\r\n", &key));
    assert_false(find(f, &by_cookie, "Cookie: session=\r\n", &key));
    assert_false(find(f, &by_cookie, "Cookie: session=x; session=y\r\n", &key));
    fixture_free(f);
}

static uint64_t key_of_address(const char *text, uint16_t port)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in *in = (void *)&storage;
    struct sockaddr_in6 *in6 = (void *)&storage;
    uint64_t key;

    if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = port;
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &in6->sin6_addr), 1);
        in6->sin6_family = AF_INET6;
        in6->sin6_port = port;
    }
    assert_true(px_key_of_client((const struct sockaddr *)&storage, 1, &key));
    return key;
}

static void test_key_of_client_is_the_address_without_port(void **state)
{
    struct fixture *f = fixture_new();
    uint64_t key;

    (void)state;
    assert_true(find(f, &by_client, "", &key));
    assert_true(key == key_of_address("192.0.2.7", 1));
    assert_true(key == key_of_address("192.0.2.7", 2));
    assert_true(key == key_of_address("::ffff:192.0.2.7", 3));
    assert_true(key != key_of_address("192.0.2.8", 1));
    assert_true(key_of_address("2001:db8::1", 1) == key_of_address("2001:db8::1", 2));
    assert_true(key_of_address("2001:db8::1", 1) != key_of_address("2001:db8::2", 1));
    fixture_free(f);
}

static void test_key_of_client_without_address(void **state)
{
    struct fixture *f = fixture_new();
    const struct sockaddr local = {.sa_family = AF_UNIX};
    uint64_t key;

    (void)state;
    f->request.client = NULL;
    assert_false(find(f, &by_client, "", &key));
    f->request.client = &local;
    assert_false(find(f, &by_client, "", &key));
    fixture_free(f);
}

static void test_key_seed_deals_users_anew(void **state)
{
    uint32_t same = 0;

    (void)state;
    for (uint32_t i = 0; i < 1000; i++) {
        uint8_t id[PX_ID_BYTES];

        px_key_id(strategy_mix(i), i, 1, id);
        same += (px_key_of_id(id, 1) & 1) == (px_key_of_id(id, 2) & 1);
    }
    assert_in_range(same, 420, 580);
}

static void test_key_id_is_made_for_a_key(void **state)
{
    uint8_t before[PX_ID_BYTES] = {0};

    (void)state;
    for (uint64_t i = 0; i < 1000; i++) {
        uint8_t id[PX_ID_BYTES];

        px_key_id(strategy_mix(i), strategy_mix(i + 5000), 99, id);
        assert_true(px_key_of_id(id, 99) == strategy_mix(i));
        assert_memory_not_equal(id, before, PX_ID_BYTES);
        memcpy(before, id, PX_ID_BYTES);
    }
}

/* A cookie that one build issued must mean the same to every other. */
static void test_key_vectors(void **state)
{
    static const uint8_t id[PX_ID_BYTES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    struct fixture *f = fixture_new();
    uint64_t key;

    (void)state;
    assert_true(px_key_of_id(id, 0) == (0x3a1c2d7c85af88f8u ^ 0x0f0e0d0c0b0a0908u));
    assert_true(px_key_of_id(id, 42) == (0x533b2c25fa397f0bu ^ 0x0f0e0d0c0b0a0908u));
    assert_true(find(f, &by_header, "X-User: 7\r\n", &key));
    assert_true(key == 0x36e4451cd671299bu);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key_of_header),
        cmocka_unit_test(test_key_of_header_that_is_no_key),
        cmocka_unit_test(test_key_of_own_cookie),
        cmocka_unit_test(test_key_of_client_is_the_address_without_port),
        cmocka_unit_test(test_key_of_client_without_address),
        cmocka_unit_test(test_key_seed_deals_users_anew),
        cmocka_unit_test(test_key_id_is_made_for_a_key),
        cmocka_unit_test(test_key_vectors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
