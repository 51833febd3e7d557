/* Who is at the other end, and what he may do. */
#include "lib/api/api.h"
#include "lib/api/failures.h"
#include "lib/api/handover.h"
#include "tests/support/virtual_time.h"
#include "tests/unit/api/talk.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct tn_loop loop;
    struct tn_api_server *server;
    char folder[64];
    char path[96];
};

static void get_peer(struct tn_api_call *call, void *context)
{
    char text[256];

    (void)context;
    snprintf(text, sizeof(text), "%d %s %u %u %d", (int)call->peer->kind, call->peer->name,
             (unsigned)call->peer->user.uid, (unsigned)call->peer->user.gid,
             (int)call->peer->user.pid);
    tn_api_answer(call, 200, "text/plain", tn_str_of(text));
}

static const struct tn_api_route routes[] = {
    {TN_HTTP_GET, "/peer", TN_API_READ, 0, get_peer},
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct tn_api_options options = {
        .clock = &tn_clock_system,
        .routes = routes,
        .route_count = sizeof(routes) / sizeof(routes[0]),
        .context = fixture,
        .role = TN_API_OPERATE,
        .limits = tn_api_limits_default,
    };

    assert_non_null(fixture);
    strcpy(fixture->folder, "/tmp/turnout-api-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->path, sizeof(fixture->path), "%s/socket", fixture->folder);
    tn_net_init();
    assert_int_equal(tn_loop_init(&fixture->loop), 0);
    options.loop = &fixture->loop;
    assert_int_equal(tn_api_open_unix(&options, fixture->path, 0600, &fixture->server), 0);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    tn_api_close(fixture->server, NULL, NULL);
    talk_turn(&fixture->loop);
    assert_int_equal(tn_loop_deinit(&fixture->loop), 0);
    assert_int_equal(rmdir(fixture->folder), 0);
    free(fixture);
    return 0;
}

static void test_access_unix_peer_is_the_kernels_word(void **state)
{
    struct fixture *fixture = *state;
    const struct passwd *entry = getpwuid(geteuid());
    struct talk_answer answer;
    char expected[256];
    char nameless[32];

    snprintf(nameless, sizeof(nameless), "uid %u", (unsigned)geteuid());
    snprintf(expected, sizeof(expected), "%d %s %u %u %d", (int)TN_API_PEER_USER,
             entry ? entry->pw_name : nameless, (unsigned)geteuid(), (unsigned)getegid(),
             (int)getpid());
    talk_once(&fixture->loop, fixture->path, "GET /peer", "", NULL, &answer);
    assert_string_equal(answer.body, expected);
    talk_answer_deinit(&answer);
}

/* --- on TCP ------------------------------------------------------------------------------------
 */

#define READER "tt_reader-reader-reader-reader-reader-reader-r"
#define WRITER "tt_writer-writer-writer-writer-writer-writer-w"
#define WRONG "tt_wrong--wrong--wrong--wrong--wrong--wrong--w"
#define LATER "tt_later--later--later--later--later--later--l"

struct tcp {
    struct tn_loop loop;
    struct tn_api_server *server;
    struct sockaddr_storage address;
    struct tn_tokens *tokens;
    struct tn_tokens *later;
    struct tn_api_call *kept;
    unsigned refused, limited;
    unsigned seen;
};

static void put_change(struct tn_api_call *call, void *context)
{
    struct tcp *tcp = context;

    tcp->seen++;
    tn_api_answer(call, 200, "text/plain", tn_str_of(call->peer->name));
}

static void get_name(struct tn_api_call *call, void *context)
{
    struct tcp *tcp = context;
    char text[256];

    tcp->seen++;
    snprintf(text, sizeof(text), "%d %s %.10s", (int)call->peer->kind, call->peer->name,
             call->peer->address);
    tn_api_answer(call, 200, "text/plain", tn_str_of(text));
}

/* What a handler sees of the head. */
static void get_head(struct tn_api_call *call, void *context)
{
    (void)context;
    tn_api_answer(call, 200, "text/plain", (struct tn_str){call->head->base, call->head->len});
}

static void get_later(struct tn_api_call *call, void *context)
{
    ((struct tcp *)context)->kept = call;
}

static const struct tn_api_route tcp_routes[] = {
    {TN_HTTP_GET, "/name", TN_API_READ, 0, get_name},
    {TN_HTTP_PUT, "/change", TN_API_OPERATE, TN_API_JSON, put_change},
    {TN_HTTP_GET, "/head", TN_API_READ, 0, get_head},
    {TN_HTTP_GET, "/later", TN_API_READ, 0, get_later},
};

static void on_refused(void *context, const char *address, bool is_limited)
{
    struct tcp *tcp = context;

    assert_memory_equal(address, "127.0.0.1:", 10);
    if (is_limited)
        tcp->limited++;
    else
        tcp->refused++;
}

static struct tn_tokens *tokens_of(const char *reader, const char *writer)
{
    struct tn_tokens *tokens;
    char text[512];
    char line[TN_TOKEN_LINE_SIZE];
    char *why = NULL;

    tn_token_line("grafana", TN_API_READ, reader, line);
    snprintf(text, sizeof(text), "%s\n", line);
    tn_token_line("deploy", TN_API_OPERATE, writer, line);
    strcat(text, line);
    assert_int_equal(tn_tokens_parse(tn_str_of(text), "tokens", &why, &tokens), 0);
    return tokens;
}

static int setup_tcp(void **state)
{
    struct tcp *tcp = calloc(1, sizeof(*tcp));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct tn_api_options options = {
        .loop = &tcp->loop,
        .clock = &tn_clock_system,
        .routes = tcp_routes,
        .route_count = sizeof(tcp_routes) / sizeof(tcp_routes[0]),
        .context = tcp,
        .role = TN_API_OPERATE, /* of everybody: not asked for here */
        .on_refused = on_refused,
        .limits = tn_api_limits_default,
    };

    tn_net_init();
    assert_int_equal(tn_loop_init(&tcp->loop), 0);
    tcp->tokens = tokens_of(READER, WRITER);
    options.tokens = tcp->tokens;
    options.limits.connections = 4;
    assert_int_equal(tn_api_open_tcp(&options, (struct sockaddr *)&address, &tcp->server), 0);
    assert_int_equal(tn_api_address(tcp->server, &tcp->address), 0);
    *state = tcp;
    return 0;
}

static int teardown_tcp(void **state)
{
    struct tcp *tcp = *state;

    tn_api_close(tcp->server, NULL, NULL);
    talk_turn(&tcp->loop);
    assert_int_equal(tn_loop_deinit(&tcp->loop), 0);
    tn_tokens_free(tcp->tokens);
    tn_tokens_free(tcp->later);
    free(tcp);
    return 0;
}

/* line: "GET /name"; fields: whole lines. */
static void ask_tcp(struct tcp *tcp, const char *line, const char *fields,
                    struct talk_answer *ret_answer)
{
    struct talk talk;
    char text[1024];

    snprintf(text, sizeof(text), "%s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n", line, fields);
    talk_open_tcp(&talk, &tcp->loop, &tcp->address);
    talk_send_text(&talk, text);
    talk_take(&talk, strncmp(line, "HEAD", 4) == 0, ret_answer);
    talk_close(&talk);
    talk_turn(&tcp->loop);
}

static void expect(struct tcp *tcp, const char *line, const char *fields, unsigned status,
                   const char *part)
{
    struct talk_answer answer;

    ask_tcp(tcp, line, fields, &answer);
    if (answer.status != status || !(strstr(answer.head, part) || strstr(answer.body, part)))
        fail_msg("%s %s: %s%s, expected %u with '%s'", line, fields, answer.head, answer.body,
                 status, part);
    assert_null(strstr(answer.head, "wrong--"));
    assert_null(strstr(answer.body, "wrong--"));
    talk_answer_deinit(&answer);
}

#define BEARER(token) "Authorization: Bearer " token "\r\n"

static void test_access_tokens_and_roles(void **state)
{
    struct tcp *tcp = *state;

    expect(tcp, "GET /name", BEARER(READER), 200, "2 grafana 127.0.0.1:");
    expect(tcp, "GET /name", BEARER(WRITER), 200, "2 deploy 127.0.0.1:");
    expect(tcp, "HEAD /name", BEARER(READER), 200, "Content-Length: ");
    expect(tcp, "PUT /change", BEARER(WRITER), 200, "deploy");
    assert_int_equal(tcp->seen, 4);
    expect(tcp, "PUT /change", BEARER(READER), 403,
           "this needs role operate, and the token 'grafana' has role read");
    expect(tcp, "PUT /change", BEARER(READER), 403,
           "WWW-Authenticate: Bearer realm=\"turnout\", error=\"insufficient_scope\", "
           "scope=\"operate\"\r\n");
    /* the scheme's name has no case, and blanks do no harm */
    expect(tcp, "GET /name", "authorization:  bEARER   " READER " \r\n", 200, "grafana");
    assert_int_equal(tcp->seen, 5);
    assert_int_equal(tcp->refused + tcp->limited, 0);
}

static void test_access_no_listener_on_tcp_lets_everybody_change(void **state)
{
    struct tcp *tcp = *state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct tn_api_options options = {.loop = &tcp->loop, .role = TN_API_OPERATE};
    struct tn_api_server *server = NULL;

    assert_int_equal(tn_api_open_tcp(&options, (struct sockaddr *)&address, &server), -EPERM);
    assert_int_equal(tn_api_take(&options, dup(0), NULL, &server), -EPERM);
    assert_null(server);
}

static void test_access_without_a_token(void **state)
{
    static const char *const fields[] = {
        "",
        BEARER(READER) BEARER(READER),
        BEARER(READER) BEARER(WRITER),
        "X-Token: " READER "\r\n",
        "Cookie: Authorization=" READER "\r\n",
        "Proxy-Authorization: Bearer " READER "\r\n",
    };
    struct tcp *tcp = *state;

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        expect(tcp, "GET /name", fields[i], 401, "WWW-Authenticate: Bearer realm=\"turnout\"\r\n");
        expect(tcp, "GET /name", fields[i], 401, "Connection: close\r\n");
    }
    /* nobody learns without one what there is */
    expect(tcp, "GET /nothing", "", 401, "asks for a token");
    expect(tcp, "DELETE /name", "", 401, "asks for a token");
    expect(tcp, "PUT /change", "Content-Length: 9999999\r\n", 401, "asks for a token");
    assert_int_equal(tcp->seen, 0);
    assert_int_equal(tcp->refused + tcp->limited, 0); /* asking is not guessing */
}

static void test_access_wrong_tokens(void **state)
{
    static const char *const fields[] = {
        BEARER(WRONG),
        BEARER(""),
        BEARER("tt_"),
        "Authorization: " READER "\r\n",
        "Authorization: Basic " READER "\r\n",
        "Authorization: Bearer\r\n",
        BEARER(READER "x"),
        BEARER(READER " " READER),
        "Authorization: Bearer " READER ",\r\n",
    };
    struct tcp *tcp = *state;

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        expect(tcp, "GET /name", fields[i], 401,
               "WWW-Authenticate: Bearer realm=\"turnout\", error=\"invalid_token\"\r\n");
    assert_int_equal(tcp->seen, 0);
    assert_int_equal(tcp->refused, sizeof(fields) / sizeof(fields[0]));
}

static void test_access_too_many_wrong_tokens(void **state)
{
    struct tcp *tcp = *state;

    for (unsigned i = 0; i < TN_FAILURES_BURST; i++)
        expect(tcp, "GET /name", BEARER(WRONG), 401, "not known");
    expect(tcp, "GET /name", BEARER(WRONG), 429, "Retry-After: 6\r\n");
    expect(tcp, "GET /name", BEARER(WRONG), 429, "Connection: close\r\n");
    assert_int_equal(tcp->refused, TN_FAILURES_BURST);
    assert_int_equal(tcp->limited, 2);
    /* somebody else's failures lock nobody out, not even from the same address */
    expect(tcp, "PUT /change", BEARER(WRITER), 200, "deploy");
    virtual_time_pass(TN_FAILURES_EACH_MS);
    expect(tcp, "GET /name", BEARER(WRONG), 401, "not known");
    expect(tcp, "GET /name", BEARER(WRONG), 429, "too many");
}

static void test_access_other_tokens_from_now_on(void **state)
{
    struct tcp *tcp = *state;
    struct talk_answer answer;
    struct talk talk;

    talk_open_tcp(&talk, &tcp->loop, &tcp->address);
    talk_send_text(&talk, "GET /name HTTP/1.1\r\nHost: localhost\r\n" BEARER(WRITER) "\r\n");
    talk_take(&talk, false, &answer);
    assert_int_equal(answer.status, 200);
    talk_answer_deinit(&answer);

    tcp->later = tokens_of(READER, LATER);
    tn_api_set_tokens(tcp->server, tcp->later);
    expect(tcp, "PUT /change", BEARER(LATER), 200, "deploy");
    expect(tcp, "GET /name", BEARER(READER), 200, "grafana");
    /* also on a connection that was there before */
    talk_send_text(&talk, "GET /name HTTP/1.1\r\nHost: localhost\r\n" BEARER(WRITER) "\r\n");
    talk_take(&talk, false, &answer);
    assert_int_equal(answer.status, 401);
    talk_answer_deinit(&answer);
    talk_close(&talk);
    talk_turn(&tcp->loop);
}

static void test_access_handlers_see_no_token(void **state)
{
    struct tcp *tcp = *state;
    struct talk_answer answer;

    ask_tcp(tcp, "GET /head", BEARER(READER) "X-Other: 1\r\n", &answer);
    assert_int_equal(answer.status, 200);
    assert_null(memmem(answer.body, answer.body_len, "reader", 6));
    assert_non_null(memmem(answer.body, answer.body_len, "X-Other: 1", 10));
    talk_answer_deinit(&answer);
}

static void test_access_host_and_origin(void **state)
{
    static const struct {
        const char *fields;
        unsigned status;
    } rows[] = {
        {"Host: 127.0.0.1:9091\r\n", 200},
        {"Host: localhost:1\r\nOrigin: http://localhost:1\r\n", 200},
        {"Host: [::1]:9091\r\nOrigin: http://[::1]:9091\r\n", 200},
        {"Host: 192.0.2.7\r\n", 421},
        {"Host: evil.example\r\n", 421},
        {"Host: localhost:1\r\nOrigin: http://localhost:2\r\n", 403},
        {"Host: localhost:1\r\nOrigin: https://localhost:1\r\n", 403},
        {"Host: localhost:1\r\nOrigin: http://evil.example\r\n", 403},
        {"Host: localhost:1\r\nOrigin: null\r\n", 403},
        {"Host: localhost:1\r\nOrigin: http://localhost:1\r\nOrigin: http://localhost:1\r\n", 403},
    };
    struct tcp *tcp = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct talk_answer answer;
        struct talk talk;
        char text[512];

        snprintf(text, sizeof(text), "GET /name HTTP/1.1\r\n%s" BEARER(READER) "\r\n",
                 rows[i].fields);
        talk_open_tcp(&talk, &tcp->loop, &tcp->address);
        talk_send_text(&talk, text);
        talk_take(&talk, false, &answer);
        if (answer.status != rows[i].status)
            fail_msg("%s: %u", rows[i].fields, answer.status);
        talk_answer_deinit(&answer);
        talk_close(&talk);
        talk_turn(&tcp->loop);
    }
}

/* --- strangers take up all connections ---------------------------------------------------------
 */

static void open_all(struct tcp *tcp, struct talk *talks, const char *text)
{
    for (unsigned i = 0; i < 4; i++) {
        talk_open_tcp(&talks[i], &tcp->loop, &tcp->address);
        talk_send_text(&talks[i], text);
        talk_turn(&tcp->loop);
    }
}

static void close_all(struct tcp *tcp, struct talk *talks)
{
    for (unsigned i = 0; i < 4; i++)
        talk_close(&talks[i]);
    talk_turn(&tcp->loop);
}

static void test_access_unfinished_heads_lock_nobody_out(void **state)
{
    struct tcp *tcp = *state;
    struct talk talks[4];

    open_all(tcp, talks, "GET /name HTTP/1.1\r\nHost: loc");
    expect(tcp, "PUT /change", BEARER(WRITER), 200, "deploy");
    talk_wait_closed(&talks[0]); /* the oldest went */
    close_all(tcp, talks);
}

static void test_access_refused_strangers_lock_nobody_out(void **state)
{
    struct tcp *tcp = *state;
    struct talk talks[4];

    open_all(tcp, talks, "GET /name HTTP/1.1\r\nHost: localhost\r\n\r\n");
    expect(tcp, "PUT /change", BEARER(WRITER), 200, "deploy");
    close_all(tcp, talks);
}

/* Only who showed a token can take a place that nobody gets back. */
static void test_access_calls_under_way_are_never_given_up(void **state)
{
    struct tcp *tcp = *state;
    struct talk_answer answer;
    struct talk talks[4];

    talk_open_tcp(&talks[3], &tcp->loop, &tcp->address);
    talk_send_text(&talks[3], "GET /later HTTP/1.1\r\nHost: localhost\r\n" BEARER(READER) "\r\n");
    talk_turn(&tcp->loop);
    for (unsigned i = 0; i < 20; i++)
        expect(tcp, "GET /name", BEARER(READER), 200, "grafana");
    tn_api_answer(tcp->kept, 200, "text/plain", TN_STR("at last"));
    talk_take(&talks[3], false, &answer);
    assert_string_equal(answer.body, "at last");
    talk_answer_deinit(&answer);
    talk_close(&talks[3]);
    talk_turn(&tcp->loop);
}

#define TCP(test) cmocka_unit_test_setup_teardown(test, setup_tcp, teardown_tcp)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_access_unix_peer_is_the_kernels_word, setup, teardown),
        TCP(test_access_tokens_and_roles),
        TCP(test_access_no_listener_on_tcp_lets_everybody_change),
        TCP(test_access_without_a_token),
        TCP(test_access_wrong_tokens),
        TCP(test_access_too_many_wrong_tokens),
        TCP(test_access_other_tokens_from_now_on),
        TCP(test_access_handlers_see_no_token),
        TCP(test_access_host_and_origin),
        TCP(test_access_unfinished_heads_lock_nobody_out),
        TCP(test_access_refused_strangers_lock_nobody_out),
        TCP(test_access_calls_under_way_are_never_given_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
