#include "lib/client/client.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#define HOW "Start one with 'turnout serve', or say where it is with --admin unix:PATH."

static const char *origin_text(const struct tn_client *client)
{
    switch (client->places[client->place].origin) {
    case TN_CLIENT_ORIGIN_OPTION:
        return " (given by --admin)";
    case TN_CLIENT_ORIGIN_ENVIRONMENT:
        return " (from $" TN_CLIENT_ENVIRONMENT ")";
    case TN_CLIENT_ORIGIN_DEFAULT:
        break;
    }
    return "";
}

static void nothing_there(const struct tn_client *client, const char *where, FILE *out)
{
    if (client->places[client->place].origin != TN_CLIENT_ORIGIN_DEFAULT) {
        fprintf(out, "there is no %s%s. Is turnout running? " HOW, where, origin_text(client));
        return;
    }
    fprintf(out, "no running turnout found: --admin is not given, $" TN_CLIENT_ENVIRONMENT
                 " is not set, and there is no ");
    for (size_t i = 0; i < client->place_count; i++)
        fprintf(out, "%s%s", i == 0 ? "" : " and no ", client->places[i].text);
    fprintf(out, ". " HOW);
}

static void nobody_listens(const struct tn_client *client, const char *where, FILE *out)
{
    struct tn_client_address address;
    struct stat status;

    if (client->is_tcp) {
        fprintf(out, "nobody listens at %s%s. Is turnout running, with 'admin' at this address?",
                where, origin_text(client));
        return;
    }
    if (tn_client_address_parse(where, &address) == 0 && stat(address.un.sun_path, &status) == 0 &&
        !S_ISSOCK(status.st_mode)) {
        fprintf(out, "%s%s is not a socket.", where, origin_text(client));
        return;
    }
    fprintf(out, "%s%s is there, but nobody listens: the turnout that made it has stopped. " HOW,
            where, origin_text(client));
}

/* What is wrong with the address itself. False: nothing. */
static bool write_bad_address(int error, const char *where, const char *origin, FILE *out)
{
    switch (-error) {
    case EINVAL:
        fprintf(out,
                "'%s'%s is not an address: expected unix:PATH, for example "
                "unix:./turnout.sock, or http://127.0.0.1:PORT.",
                where, origin);
        break;
    case ENAMETOOLONG:
        fprintf(out,
                "'%s'%s is too long: the path of a socket has at most %zu bytes. A relative "
                "path or a symbolic link is shorter.",
                where, origin, sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
        break;
    case EPROTONOSUPPORT:
        fprintf(out,
                "'%s'%s: the admin interface speaks no TLS; it is on this machine only: "
                "http://127.0.0.1:PORT.",
                where, origin);
        break;
    case EADDRNOTAVAIL:
        fprintf(out,
                "'%s'%s is not an address of this machine's loopback, and a token goes nowhere "
                "else. Another machine's is reached by 'ssh -L 9091:127.0.0.1:9091 HOST' and "
                "--admin http://127.0.0.1:9091.",
                where, origin);
        break;
    default:
        return false;
    }
    return true;
}

static void write_text(const struct tn_client *client, int error, FILE *out)
{
    const char *where = client->places[client->place].text;
    const char *origin = origin_text(client);

    if (write_bad_address(error, where, origin, out))
        return;
    switch (-error) {
    case ENOENT:
        nothing_there(client, where, out);
        break;
    case ECONNREFUSED:
        nobody_listens(client, where, out);
        break;
    case EACCES:
    case EPERM:
        fprintf(out,
                "you may not use %s%s: only its owner may, and the group that 'admin_group' "
                "names in the configuration.",
                where, origin);
        break;
    case ENOKEY:
        fprintf(out,
                "%s%s asks for a token: give it in $" TN_CLIENT_TOKEN_ENVIRONMENT
                " or with --token-file FILE.",
                where, origin);
        break;
    case ETIMEDOUT:
        if (client->timeout_ms % 1000 == 0)
            fprintf(out, "no answer from %s%s within %" PRIu64 " s.", where, origin,
                    client->timeout_ms / 1000);
        else
            fprintf(out, "no answer from %s%s within %" PRIu64 " ms.", where, origin,
                    client->timeout_ms);
        break;
    case EPROTO:
        fprintf(out, "what answers at %s%s is not an admin interface of turnout (%s).", where,
                origin, client->protocol_error ? client->protocol_error : "no HTTP");
        break;
    case ECONNRESET:
    case EPIPE:
        fprintf(out, "%s%s closed the connection before its answer was complete.", where, origin);
        break;
    case EMSGSIZE:
        fprintf(out, "the message to or from %s%s is too large.", where, origin);
        break;
    default:
        fprintf(out, "%s%s: %s.", where, origin, strerror(-error));
        break;
    }
}

char *tn_client_error_text(const struct tn_client *client, int error)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    if (!out)
        return NULL;
    write_text(client, error, out);
    if (fclose(out) != 0)
        return NULL;
    return text;
}
