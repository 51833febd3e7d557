#include "lib/http/proxy_protocol.h"

#include <arpa/inet.h>
#include <errno.h>

#define V1_MAX 107
#define V2_FIXED 16

static const char v2_signature[12] = "\r\n\r\n\0\r\nQUIT\n";

static void map_ipv4(const void *bytes, struct in6_addr *ret_address)
{
    memset(ret_address, 0, sizeof(*ret_address));
    ret_address->s6_addr[10] = 0xff;
    ret_address->s6_addr[11] = 0xff;
    memcpy(&ret_address->s6_addr[12], bytes, 4);
}

/* The next word of a version 1 line; words are separated by exactly one space. */
static struct tn_str pop_word(struct tn_str *line)
{
    const char *space = line->len > 0 ? memchr(line->ptr, ' ', line->len) : NULL;
    size_t len = space ? (size_t)(space - line->ptr) : line->len;
    struct tn_str word = {line->ptr, len};
    size_t skip = space ? len + 1 : len;

    line->ptr += skip;
    line->len -= skip;
    return word;
}

static bool is_port(struct tn_str word)
{
    unsigned long long port;

    return word.len <= 5 && (word.len == 1 || (word.len > 0 && word.ptr[0] != '0')) &&
           tn_str_parse_u64(word, 65535, &port) == 0;
}

static bool parse_ip(struct tn_str word, int family, struct in6_addr *ret_address)
{
    char text[INET6_ADDRSTRLEN];
    struct in_addr v4;

    if (word.len == 0 || word.len >= sizeof(text))
        return false;
    memcpy(text, word.ptr, word.len);
    text[word.len] = '\0';
    if (family == AF_INET6)
        return inet_pton(AF_INET6, text, ret_address) == 1;
    if (inet_pton(AF_INET, text, &v4) != 1)
        return false;
    map_ipv4(&v4, ret_address);
    return true;
}

/* "TCP4 192.0.2.1 198.51.100.2 56324 443": what stands between "PROXY " and CRLF. */
static int parse_v1_line(struct tn_str line, struct tn_proxy_header *header)
{
    struct tn_str family = pop_word(&line);
    struct in6_addr destination;
    struct tn_str source_port, destination_port;
    int af;

    if (tn_str_equal(family, TN_STR("UNKNOWN")))
        return 0; /* the rest of the line is to be ignored */
    if (tn_str_equal(family, TN_STR("TCP4")))
        af = AF_INET;
    else if (tn_str_equal(family, TN_STR("TCP6")))
        af = AF_INET6;
    else
        return -EBADMSG;
    if (!parse_ip(pop_word(&line), af, &header->address) ||
        !parse_ip(pop_word(&line), af, &destination))
        return -EBADMSG;
    source_port = pop_word(&line);
    destination_port = pop_word(&line);
    if (!is_port(source_port) || !is_port(destination_port) || line.len > 0)
        return -EBADMSG;
    header->has_address = true;
    return 0;
}

static int parse_v1(struct tn_str bytes, struct tn_proxy_header *header)
{
    size_t seen = bytes.len < V1_MAX ? bytes.len : V1_MAX;
    const char *end = memmem(bytes.ptr, seen, "\r\n", 2);
    struct tn_str line;

    if (!end)
        return seen < V1_MAX ? -EAGAIN : -EBADMSG;
    header->len = (size_t)(end - bytes.ptr) + 2;
    line = (struct tn_str){bytes.ptr + 6, header->len - 8};
    if (line.len > 0 && memchr(line.ptr, '\n', line.len))
        return -EBADMSG;
    return parse_v1_line(line, header);
}

static int parse_v2(struct tn_str bytes, struct tn_proxy_header *header)
{
    const unsigned char *at = (const unsigned char *)bytes.ptr;
    unsigned command, family;
    size_t rest;

    if (bytes.len < V2_FIXED)
        return -EAGAIN;
    command = at[12] & 0x0f;
    family = at[13];
    rest = (size_t)at[14] << 8 | at[15];
    if (at[12] >> 4 != 2 || command > 1 || V2_FIXED + rest > TN_PROXY_HEADER_MAX)
        return -EBADMSG;
    if (bytes.len < V2_FIXED + rest)
        return -EAGAIN;
    header->len = V2_FIXED + rest;
    if (command == 0)
        return 0; /* LOCAL: a health check of the balancer itself */
    switch (family) {
    case 0x11: /* TCP over IPv4 */
        if (rest < 12)
            return -EBADMSG;
        map_ipv4(at + V2_FIXED, &header->address);
        break;
    case 0x21: /* TCP over IPv6 */
        if (rest < 36)
            return -EBADMSG;
        memcpy(&header->address, at + V2_FIXED, 16);
        break;
    default: /* UNSPEC, Unix sockets, datagrams: nothing that we could use */
        return 0;
    }
    header->has_address = true;
    return 0;
}

static bool may_start_with(struct tn_str bytes, const char *start, size_t len)
{
    size_t common = bytes.len < len ? bytes.len : len;

    return memcmp(bytes.ptr, start, common) == 0;
}

int tn_proxy_header_parse(struct tn_str bytes, struct tn_proxy_header *ret_header)
{
    struct tn_proxy_header header = {0};
    int error;

    if (bytes.len == 0)
        return -EAGAIN;
    if (may_start_with(bytes, v2_signature, sizeof(v2_signature)))
        error = parse_v2(bytes, &header);
    else if (may_start_with(bytes, "PROXY ", 6))
        error = bytes.len < 6 ? -EAGAIN : parse_v1(bytes, &header);
    else
        error = -EBADMSG;
    if (!error)
        *ret_header = header;
    return error;
}
