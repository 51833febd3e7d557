#include "lib/http/lower.h"
#include "lib/http/message.h"

#define PICK(first, id) (letter == (first) ? TN_HTTP_FIELD_##id : TN_HTTP_FIELD_OTHER)

/* Length and first letter leave at most one name. */
static enum tn_http_field_id short_candidate(size_t len, char letter)
{
    switch (len) {
    case 2:
        return PICK('t', TE);
    case 3:
        return PICK('v', VIA);
    case 4:
        return letter == 'h' ? TN_HTTP_FIELD_HOST : PICK('d', DATE);
    case 6:
        return letter == 'a'   ? TN_HTTP_FIELD_ACCEPT
               : letter == 'c' ? TN_HTTP_FIELD_COOKIE
               : letter == 'e' ? TN_HTTP_FIELD_EXPECT
                               : PICK('o', ORIGIN);
    case 7:
        return letter == 'u' ? TN_HTTP_FIELD_UPGRADE : PICK('t', TRAILER);
    case 8:
        return PICK('i', IF_MATCH);
    case 9:
        return PICK('f', FORWARDED);
    default:
        return TN_HTTP_FIELD_OTHER;
    }
}

static enum tn_http_field_id long_candidate(size_t len, char letter)
{
    switch (len) {
    case 10:
        return letter == 'c'   ? TN_HTTP_FIELD_CONNECTION
               : letter == 'k' ? TN_HTTP_FIELD_KEEP_ALIVE
                               : PICK('s', SET_COOKIE);
    case 11:
        return PICK('r', RETRY_AFTER);
    case 12:
        return letter == 'x' ? TN_HTTP_FIELD_X_REQUEST_ID : PICK('m', MAX_FORWARDS);
    case 13:
        return letter == 'c' ? TN_HTTP_FIELD_CACHE_CONTROL : PICK('a', AUTHORIZATION);
    case 14:
        return letter == 'c' ? TN_HTTP_FIELD_CONTENT_LENGTH : PICK('h', HTTP2_SETTINGS);
    case 15:
        return PICK('x', X_FORWARDED_FOR);
    case 16:
        return letter == 'x' ? TN_HTTP_FIELD_X_FORWARDED_HOST : PICK('p', PROXY_CONNECTION);
    case 17:
        return letter == 't' ? TN_HTTP_FIELD_TRANSFER_ENCODING : PICK('x', X_FORWARDED_PROTO);
    default:
        return TN_HTTP_FIELD_OTHER;
    }
}

static const char *const names[TN_HTTP_FIELD_ID_COUNT] = {
#define NAME(id, text) [TN_HTTP_FIELD_##id] = (text),
    TN_HTTP_FIELD_MAP(NAME)
#undef NAME
};

enum tn_http_field_id tn_http_field_id_of(struct tn_str name)
{
    enum tn_http_field_id id;
    char letter;

    if (name.len == 0)
        return TN_HTTP_FIELD_OTHER;
    letter = (char)(name.ptr[0] | 0x20);
    id = name.len < 10 ? short_candidate(name.len, letter) : long_candidate(name.len, letter);
    if (id != TN_HTTP_FIELD_OTHER && tn_http_equals_lower(name.ptr, names[id], name.len))
        return id;
    if (letter == 't' && name.len >= 8 && (name.ptr[7] == '-' || name.ptr[7] == '_') &&
        tn_http_equals_lower(name.ptr, "turnout", 7))
        return TN_HTTP_FIELD_TURNOUT;
    return TN_HTTP_FIELD_OTHER;
}
