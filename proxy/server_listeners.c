/* The metrics listener, and what a reload needs before it changes listeners or logs. */
#include "proxy/server_parts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int px_server_fail(int error, const char *format, ...)
{
    va_list args;

    fputs("turnout: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return error;
}

/* --- the start ---------------------------------------------------------------------------------
 */

static bool is_loopback(const struct sockaddr_storage *sa)
{
    if (sa->ss_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr);
    return (ntohl(((const struct sockaddr_in *)(const void *)sa)->sin_addr.s_addr) >> 24) == 127;
}

/* ret_why: malloc'd, or NULL when out of memory. */
static int open_metrics(struct px_server *server, const struct px_address *address, char **ret_why,
                        struct tn_api_server **ret_listener)
{
    const struct tn_api_options options = {
        .loop = &server->loop,
        .clock = &tn_clock_system,
        .routes = px_metrics_routes,
        .route_count = px_metrics_route_count,
        .context = &server->admin,
        .role = TN_API_READ,
        .any_host = address->text && !is_loopback(&address->sa),
        .limits = tn_api_limits_default,
    };
    int error;

    *ret_listener = NULL;
    if (!address->text)
        return 0;
    if (server->taker.metrics_fd >= 0)
        return px_taker_take_listener(server, &options, NULL, ret_listener);
    error = tn_api_open_tcp(&options, (const struct sockaddr *)&address->sa, ret_listener);
    if (error && asprintf(ret_why, "metrics %s: %s", address->text,
                          error == -EADDRINUSE ? "the port is taken" : strerror(-error)) < 0)
        *ret_why = NULL;
    return error;
}

int px_server_open_metrics(struct px_server *server)
{
    char *why = NULL;
    int error = open_metrics(server, &server->config->metrics, &why, &server->metrics_listener);

    if (error && why)
        px_server_fail(error, "%s", why);
    free(why);
    return error;
}

/* --- a reload ----------------------------------------------------------------------------------
 */

static bool has_other_metrics(const struct px_config *a, const struct px_config *b)
{
    const char *texts[] = {a->metrics.text, b->metrics.text};

    return texts[0] && texts[1] ? strcmp(texts[0], texts[1]) != 0 : texts[0] != texts[1];
}

static void forget_next(struct px_server *server)
{
    if (server->next_metrics)
        tn_api_close(server->next_metrics, NULL, NULL);
    server->next_metrics = NULL;
    server->has_next_metrics = false;
    tn_tokens_free(server->next_tokens);
    server->next_tokens = NULL;
    px_config_free(server->next_config);
    server->next_config = NULL;
}

int px_server_prepare_config(struct px_server *server, struct px_config *config, char **ret_why)
{
    const struct px_config *now = px_rulebook_config(server->book);
    int error = 0;

    if (config == now)
        return 0;
    server->next_config = px_config_ref(config);
    server->has_next_metrics = has_other_metrics(config, now);
    if (server->has_next_metrics)
        error = open_metrics(server, &config->metrics, ret_why, &server->next_metrics);
    if (!error)
        error = px_server_prepare_tokens(server, config, ret_why);
    if (!error)
        error = px_workers_bind(server->workers, config, ret_why);
    if (error)
        forget_next(server);
    return error;
}

void px_server_settle_config(struct px_server *server)
{
    if (!server->next_config)
        return;
    if (px_rulebook_config(server->book) != server->next_config) {
        px_workers_unbind(server->workers);
    } else {
        px_workers_listen(server->workers, server->next_config);
        px_server_take_tokens(server);
        if (server->has_next_metrics) {
            if (server->metrics_listener)
                tn_api_close(server->metrics_listener, NULL, NULL);
            server->metrics_listener = server->next_metrics;
            server->next_metrics = NULL;
        }
    }
    forget_next(server);
}
