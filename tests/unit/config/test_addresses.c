#include "tests/unit/config/helper.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

static const char below[] = "versions: {blue: {endpoints: [\"127.0.0.1:5001\"]}}\n"
                            "rules: [{name: main, weights: {blue: 1}}]\n";

static struct px_config *parse_top(const char *top)
{
    char text[1024];
    snprintf(text, sizeof(text), "%s\n%s", top, below);
    return helper_parse(text);
}

static void test_addresses_are_numeric_with_ports(void **state)
{
    (void)state;
    struct px_config *config = parse_top("listen: ['0.0.0.0:8080', '[::1]:81', {address: "
                                         "'[2001:db8::7]:65535'}, 127.0.0.1:0]");
    assert_int_equal(config->listen_count, 4);
    const struct sockaddr_in *v4 = (const void *)&config->listens[0].address.sa;
    assert_int_equal(v4->sin_family, AF_INET);
    assert_int_equal(ntohs(v4->sin_port), 8080);
    assert_int_equal(v4->sin_addr.s_addr, INADDR_ANY);
    const struct sockaddr_in6 *v6 = (const void *)&config->listens[1].address.sa;
    assert_int_equal(v6->sin6_family, AF_INET6);
    assert_int_equal(ntohs(v6->sin6_port), 81);
    assert_true(IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr));
    assert_string_equal(config->listens[1].address.text, "[::1]:81");
    v6 = (const void *)&config->listens[2].address.sa;
    assert_int_equal(ntohs(v6->sin6_port), 65535);
    assert_int_equal(v6->sin6_addr.s6_addr[15], 7);
    assert_string_equal(config->listens[3].address.text, "127.0.0.1:0");
    px_config_free(config);
}

static void test_addresses_admin_by_path(void **state)
{
    (void)state;
    struct px_config *config = parse_top("listen: ['127.0.0.1:0']\nadmin: unix:./turnout.sock");
    assert_int_equal(config->admin_kind, PX_ADMIN_UNIX);
    assert_string_equal(config->admin_path, "etc/turnout.sock");
    px_config_free(config);
    config = parse_top("listen: ['127.0.0.1:0']\nadmin: unix:/run/turnout/turnout.sock");
    assert_string_equal(config->admin_path, "/run/turnout/turnout.sock");
    px_config_free(config);
}

static void test_addresses_admin_group(void **state)
{
    (void)state;
    struct px_config *config =
        parse_top("listen: ['127.0.0.1:0']\nadmin: unix:./turnout.sock\nadmin_group: ops");
    assert_string_equal(config->admin_group, "ops");
    px_config_free(config);
}

static void test_addresses_admin_on_tcp(void **state)
{
    (void)state;
    static const char *const addresses[] = {"127.0.0.1:9091", "127.8.8.8:0", "'[::1]:9091'"};
    for (size_t i = 0; i < 3; i++) {
        char text[256];
        (void)snprintf(text, sizeof(text), "listen: ['127.0.0.1:0']\nadmin: %s\ntoken_file: tokens",
                       addresses[i]);
        struct px_config *config = parse_top(text);
        assert_int_equal(config->admin_kind, PX_ADMIN_TCP);
        assert_string_equal(config->admin_token_file, "etc/tokens");
        px_config_free(config);
    }
}

static void test_addresses_off(void **state)
{
    (void)state;
    struct px_config *config = parse_top("listen: ['127.0.0.1:0']\nadmin: off\nmetrics: off");
    assert_int_equal(config->admin_kind, PX_ADMIN_NONE);
    assert_null(config->metrics.text);
    px_config_free(config);
}

static bool is_trusted(const struct px_config *config, const char *address)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    const struct sockaddr *sa = (const void *)&v4;
    if (inet_pton(AF_INET, address, &v4.sin_addr) != 1) {
        assert_int_equal(inet_pton(AF_INET6, address, &v6.sin6_addr), 1);
        sa = (const void *)&v6;
    }
    return px_prefixes_contain(config->trusted, config->trusted_count, sa);
}

static void test_addresses_trusted_networks(void **state)
{
    (void)state;
    struct px_config *config =
        parse_top("listen: ['127.0.0.1:0']\n"
                  "trusted_proxies: [10.0.0.0/8, 192.168.4.0/22, 172.16.5.9, 'fd00::/9', '::1']");
    assert_int_equal(config->trusted_count, 5);
    assert_true(is_trusted(config, "10.255.0.1"));
    assert_false(is_trusted(config, "11.0.0.1"));
    assert_true(is_trusted(config, "192.168.7.255"));
    assert_false(is_trusted(config, "192.168.8.0"));
    assert_true(is_trusted(config, "172.16.5.9"));
    assert_false(is_trusted(config, "172.16.5.8"));
    assert_true(is_trusted(config, "fd7f::1"));
    assert_false(is_trusted(config, "fd80::1"));
    assert_true(is_trusted(config, "::1"));
    assert_false(is_trusted(config, "::2"));
    /* a client that came over an IPv6 socket */
    assert_true(is_trusted(config, "::ffff:10.1.2.3"));
    assert_false(is_trusted(config, "::ffff:11.1.2.3"));
    px_config_free(config);
}

static void test_addresses_everybody_is_a_network(void **state)
{
    (void)state;
    struct px_config *config = parse_top("listen: ['127.0.0.1:0']\ntrusted_proxies: ['0.0.0.0/0']");
    assert_true(is_trusted(config, "1.2.3.4"));
    assert_false(is_trusted(config, "fd00::1"));
    px_config_free(config);
}

static void test_addresses_nobody_is_trusted(void **state)
{
    (void)state;
    struct px_config *config = parse_top("listen: ['127.0.0.1:0']\ntrusted_proxies: []");
    struct sockaddr local = {.sa_family = AF_UNIX};
    assert_false(is_trusted(config, "127.0.0.1"));
    assert_false(px_prefixes_contain(config->trusted, config->trusted_count, &local));
    px_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_are_numeric_with_ports),
        cmocka_unit_test(test_addresses_admin_by_path),
        cmocka_unit_test(test_addresses_admin_group),
        cmocka_unit_test(test_addresses_admin_on_tcp),
        cmocka_unit_test(test_addresses_off),
        cmocka_unit_test(test_addresses_trusted_networks),
        cmocka_unit_test(test_addresses_everybody_is_a_network),
        cmocka_unit_test(test_addresses_nobody_is_trusted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
