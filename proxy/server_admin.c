#include "proxy/server_parts.h"

#include "lib/base/log.h"
#include "proxy/privileges.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- the admin interface -----------------------------------------------------------------------
 */

static void on_refused(void *context, const char *address, bool is_limited)
{
    struct px_admin *admin = context;

    admin->refused_tokens++;
    if (!is_limited)
        tn_log(TN_LOG_WARNING, "admin", "a wrong token was refused (%s)", address);
}

/* Nobody but the owner could connect so far. */
static int give_to_group(const char *path, const char *group)
{
    char *why = NULL;
    gid_t gid;
    int error = px_privileges_find_group("admin_group", group, &gid, &why);

    if (error)
        px_server_fail(error, "%s", why ? why : "out of memory");
    free(why);
    if (error)
        return error;
    if (lchown(path, (uid_t)-1, gid) != 0)
        return px_server_fail(-errno,
                              "admin_group: the socket can't be given to group '%s': %s; the user "
                              "who runs turnout must be one of its members",
                              group, strerror(errno));
    if (chmod(path, 0660) != 0)
        return px_server_fail(-errno, "admin_group: %s: %s", path, strerror(errno));
    return 0;
}

static int open_unix(struct px_server *server, const struct tn_api_options *options)
{
    const char *path = server->config->admin_path;
    int error;

    if (server->taker.admin_fd >= 0)
        return px_taker_take_listener(server, options, path, &server->admin_listener);
    error = tn_api_open_unix(options, path, 0600, &server->admin_listener);

    if (error == -EADDRINUSE)
        return px_server_fail(error, "admin unix:%s: a running process answers there already",
                              path);
    if (error == -EEXIST)
        return px_server_fail(
            error, "admin unix:%s: there is a file that is no socket: not touched", path);
    if (error)
        return px_server_fail(error, "admin unix:%s: %s", path, strerror(-error));
    return server->config->admin_group ? give_to_group(path, server->config->admin_group) : 0;
}

static int open_tcp(struct px_server *server, struct tn_api_options *options)
{
    const struct px_address *address = &server->config->admin_address;
    char *why = NULL;
    int error = tn_tokens_load(server->config->admin_token_file, &why, &server->tokens);

    if (error)
        px_server_fail(error, "token_file: %s", why ? why : strerror(-error));
    free(why);
    if (error)
        return error;
    options->tokens = server->tokens;
    error =
        tn_api_open_tcp(options, (const struct sockaddr *)&address->sa, &server->admin_listener);
    if (error == -EADDRINUSE)
        return px_server_fail(error, "admin %s: the port is taken", address->text);
    return error ? px_server_fail(error, "admin %s: %s", address->text, strerror(-error)) : 0;
}

int px_server_open_admin(struct px_server *server)
{
    struct tn_api_options options = {
        .loop = &server->loop,
        .clock = &tn_clock_system,
        .routes = px_admin_routes,
        .route_count = px_admin_route_count,
        .context = &server->admin,
        .role = TN_API_OPERATE,
        .on_refused = on_refused,
        .limits = tn_api_limits_default,
    };

    switch (server->config->admin_kind) {
    case PX_ADMIN_UNIX:
        return open_unix(server, &options);
    case PX_ADMIN_TCP:
        return open_tcp(server, &options);
    case PX_ADMIN_NONE:
        break;
    }
    return 0;
}

int px_server_prepare_tokens(struct px_server *server, const struct px_config *config,
                             char **ret_why)
{
    char *why = NULL;
    int error = 0;

    if (server->tokens && config->admin_token_file)
        error = tn_tokens_load(config->admin_token_file, &why, &server->next_tokens);
    if (error && asprintf(ret_why, "token_file: %s", why ? why : strerror(-error)) < 0)
        *ret_why = NULL;
    free(why);
    return error;
}

void px_server_take_tokens(struct px_server *server)
{
    if (!server->next_tokens || !server->admin_listener)
        return;
    tn_api_set_tokens(server->admin_listener, server->next_tokens);
    tn_tokens_free(server->tokens);
    server->tokens = server->next_tokens;
    server->next_tokens = NULL;
}

void px_server_free_tokens(struct px_server *server)
{
    tn_tokens_free(server->tokens);
    tn_tokens_free(server->next_tokens);
    server->tokens = server->next_tokens = NULL;
}
