#include "lib/client/address.h"

#include "lib/base/str.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

static bool looks_like_tcp(const char *text)
{
    if (tn_str_has_prefix(tn_str_of(text), TN_STR("tcp:")) ||
        tn_str_has_prefix(tn_str_of(text), TN_STR("http://")))
        return true;

    const char *colon = strrchr(text, ':');
    unsigned long long port;

    return colon && tn_str_parse_u64(tn_str_of(colon + 1), 65535, &port) == 0;
}

int tn_client_address_parse(const char *text, struct tn_client_address *ret_address)
{
    const char *path = text;

    assert(text);
    if (tn_str_has_prefix(tn_str_of(text), TN_STR("unix:")))
        path += strlen("unix:");
    else if (looks_like_tcp(text))
        return -EPROTONOSUPPORT;
    else if (!strchr(text, '/'))
        return -EINVAL;

    size_t len = strlen(path);
    if (len == 0)
        return -EINVAL;
    if (len >= sizeof(ret_address->un.sun_path))
        return -ENAMETOOLONG;
    *ret_address = (struct tn_client_address){.un = {.sun_family = AF_UNIX}};
    memcpy(ret_address->un.sun_path, path, len + 1);
    return 0;
}

size_t tn_client_places(const char *option, const char *environment,
                        struct tn_client_place places[TN_CLIENT_PLACES_MAX])
{
    if (option && option[0]) {
        places[0] = (struct tn_client_place){TN_CLIENT_ORIGIN_OPTION, option};
        return 1;
    }
    if (environment && environment[0]) {
        places[0] = (struct tn_client_place){TN_CLIENT_ORIGIN_ENVIRONMENT, environment};
        return 1;
    }
    places[0] = (struct tn_client_place){TN_CLIENT_ORIGIN_DEFAULT, "./turnout.sock"};
    places[1] = (struct tn_client_place){TN_CLIENT_ORIGIN_DEFAULT, "/run/turnout/turnout.sock"};
    return 2;
}
