/* XMPP item: reading what one archived message says. See xmpp_item.h. */
#include "xmpp_item.h"

#include "include/TIMCloudDef.h"
#include "json.h"
#include "peer.h"
#include "xmpp_jid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A plain body may be longer than what we send; beyond this it is cut. */
#define MAX_BODY 65536
#define SYSTEM "@TIM#SYSTEM"

void tm_item_clear(tm_item *item)
{
    tm_free(item->archive_id);
    tm_free(item->id);
    tm_free(item->elems);
    tm_free(item->target);
    for (size_t i = 0; i < item->target_count; i++)
        tm_free(item->targets[i]);
    tm_free(item->targets);
    memset(item, 0, sizeof *item);
}

/* ---- ids ---- */

char *tm_item_id(const tm_message *message)
{
    return tm_format("tm-%llx-%llx-%llx", (unsigned long long)message->seq, (unsigned long long)message->rand,
                     (unsigned long long)message->client_time);
}

bool tm_item_read_id(const char *id, uint64_t *seq, uint64_t *rand, uint64_t *client_time)
{
    unsigned long long numbers[3];
    char again[64];
    if (sscanf(id, "tm-%llx-%llx-%llx", &numbers[0], &numbers[1], &numbers[2]) != 3) return false;
    snprintf(again, sizeof again, "tm-%llx-%llx-%llx", numbers[0], numbers[1], numbers[2]);
    if (strcmp(id, again) != 0) return false;
    *seq = numbers[0];
    *rand = numbers[1];
    *client_time = numbers[2];
    return true;
}

uint64_t tm_item_derive_rand(const char *id)
{
    uint64_t hash = 14695981039346656037u;
    for (; *id; id++)
        hash = (hash ^ (unsigned char)*id) * 1099511628211u;
    hash ^= hash >> 32;
    return (hash & 0xffffffffu) ? hash & 0xffffffffu : 1;
}

/* The length of `text` within `max` bytes, cut at a character. */
static size_t cut(const char *text, size_t max)
{
    size_t length = strnlen(text, max + 1);
    if (length <= max) return length;
    for (length = max; length && ((unsigned char)text[length] & 0xc0) == 0x80;)
        length--;
    return length;
}

/* An id may go out again, as the target of a marker: half a character in it would end the stream. */
static char *cut_id(const char *id)
{
    return tm_strndup(id, cut(id, TM_ITEM_ID));
}

static int32_t set_identity(tm_item *item, xmpp_stanza_t *message, tm_error *err)
{
    const char *id = tm_stanza_attribute(tm_stanza_child(message, "origin-id", TM_NS_SID), "id");
    item->has_origin_id = *id != '\0';
    if (!*id) id = tm_stanza_attribute(message, "id");
    item->id = *id ? cut_id(id) : tm_format("mam-%s", item->archive_id ? item->archive_id : "");
    if (!item->id) return tm_fail_memory(err);
    item->is_ours = tm_item_read_id(item->id, &item->seq, &item->rand, &item->client_time);
    if (item->is_ours) return 0;
    item->seq = 0;
    item->rand = tm_item_derive_rand(item->id);
    item->client_time = item->stamp / 1000000;
    return 0;
}

/* ---- what is said ---- */

static int32_t set_target(tm_item *item, tm_item_kind kind, const char *id, tm_error *err)
{
    if (!*id) return 0;
    item->kind = kind;
    item->target = cut_id(id);
    return item->target ? 0 : tm_fail_memory(err);
}

static int32_t set_targets(tm_item *item, xmpp_stanza_t *message, tm_error *err)
{
    size_t count = 0;
    for (xmpp_stanza_t *at = xmpp_stanza_get_children(message); at; at = xmpp_stanza_get_next(at))
        count++;
    item->targets = tm_calloc(count, sizeof *item->targets);
    if (!item->targets) return tm_fail_memory(err);
    for (xmpp_stanza_t *at = xmpp_stanza_get_children(message); at; at = xmpp_stanza_get_next(at)) {
        const char *name = xmpp_stanza_get_name(at), *ns = xmpp_stanza_get_ns(at);
        const char *id = tm_stanza_attribute(at, "id");
        if (!name || !ns || strcmp(name, "received") != 0 || strcmp(ns, TM_NS_RECEIPTS) != 0 || !*id)
            continue;
        char *copy = cut_id(id);
        if (!copy) return tm_fail_memory(err);
        item->targets[item->target_count++] = copy;
    }
    item->kind = TM_ITEM_RECEIVED;
    return 0;
}

/* One element as JSON text. Takes `elem` over. */
static char *print_one(cJSON *elem, bool ok)
{
    cJSON *elems = cJSON_CreateArray();
    char *text = NULL;
    if (!ok || !elems)
        cJSON_Delete(elem);
    else if (tm_json_append(elems, elem))
        text = tm_json_print(elems);
    cJSON_Delete(elems);
    return text;
}

static char *text_elem(char *body)
{
    body[cut(body, MAX_BODY)] = '\0';
    cJSON *elem = cJSON_CreateObject();
    bool ok = tm_json_add_int(elem, kTIMElemType, kTIMElem_Text) &&
              tm_json_add_string(elem, kTIMTextElemContent, body);
    return print_one(elem, ok);
}

static int hex(char digit)
{
    if (digit >= '0' && digit <= '9') return digit - '0';
    digit = (char)(digit | 0x20);
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* The last part of a url's path, decoded; "file" if that is no name. Owned by the caller. */
static char *file_name(const char *url)
{
    size_t end = strcspn(url, "?#");
    const char *scheme = strstr(url, "://");
    size_t path = scheme && scheme < url + end ? (size_t)(scheme - url) + 3 : 0, start = end;
    if (path) path += strcspn(url + path, "/?#"); /* behind the host, which is no name */
    while (start > path && url[start - 1] != '/')
        start--;
    char *name = tm_strndup(url + start, end - start), *to = name;
    for (const char *from = name; name && *from; from++) {
        int high = *from == '%' ? hex(from[1]) : -1, low = high >= 0 ? hex(from[2]) : -1;
        if (low >= 0) {
            *to++ = (char)(high * 16 + low);
            from += 2;
        } else {
            *to++ = *from;
        }
    }
    if (!name) return NULL;
    *to = '\0';
    if (*name && strlen(name) < 256 && !strpbrk(name, "/\\") && tm_utf8_valid(name, strlen(name), NULL) &&
        strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
        return name;
    tm_free(name);
    return tm_strdup("file");
}

static char *file_elem(const char *url)
{
    char *name = file_name(url);
    cJSON *elem = cJSON_CreateObject();
    bool ok = name && tm_json_add_int(elem, kTIMElemType, kTIMElem_File) &&
              tm_json_add_string(elem, kTIMFileElemFileName, name) &&
              tm_json_add_int(elem, kTIMFileElemFileSize, 0) &&
              tm_json_add_string(elem, kTIMFileElemUrl, url);
    tm_free(name);
    return print_one(elem, ok);
}

/* Our own JSON in a message; NULL if there is none, or none that can be read, or for want of memory (which `err`
 * says). Owned by the caller. */
static cJSON *read_json(xmpp_stanza_t *message, tm_error *err)
{
    xmpp_stanza_t *json = tm_stanza_child(message, "json", TM_NS_JSON);
    if (!json) return NULL;
    char *text = tm_stanza_text(json);
    cJSON *tree = text ? tm_peer_parse(text, strlen(text), err) : NULL;
    if (!text) tm_fail_memory(err);
    tm_free(text);
    return tree;
}

static int32_t set_elems(tm_item *item, xmpp_stanza_t *message, bool group, const char *group_id,
                         tm_error *err)
{
    tm_error local = {0};
    cJSON *json = read_json(message, &local);
    const cJSON *elems = tm_json_get(json, kTIMMsgElemArray);
    bool tips = group && elems && tm_peer_is_tips(elems, item->actor, group_id);
    if (elems)
        item->elems =
            tm_peer_elems(elems, tips, &local); /* NULL: not to be believed, or for want of memory */
    item->priority = (uint32_t)tm_json_get_uint(json, kTIMMsgPriority, kTIMMsgPriority_Normal);
    if (item->priority > kTIMMsgPriority_Lowest) item->priority = kTIMMsgPriority_Normal;
    bool claims_tips = elems && tm_peer_has_tips(elems);
    cJSON_Delete(json);
    if (local.code == ERR_OUT_OF_MEMORY) return tm_fail_memory(err);
    if (item->elems) {
        item->kind = tips ? TM_ITEM_TIPS : TM_ITEM_MESSAGE;
        if (tips) snprintf(item->sender, sizeof item->sender, "%s", SYSTEM);
        return 0;
    }
    if (claims_tips) return 0; /* a body that says the same is not to be believed either */
    xmpp_stanza_t *oob = tm_stanza_child(message, "x", TM_NS_OOB);
    xmpp_stanza_t *said = tm_stanza_child(message, "body", NULL);
    char *url = tm_stanza_text(tm_stanza_child(oob, "url", NULL)), *body = tm_stanza_text(said);
    bool file = url && *url && body && (!*body || strcmp(url, body) == 0);
    if (url && body && (file || *body)) {
        item->elems = file ? file_elem(url) : text_elem(body);
        item->kind = TM_ITEM_MESSAGE;
    }
    bool failed = !url || !body || (item->kind == TM_ITEM_MESSAGE && !item->elems);
    tm_free(url);
    tm_free(body);
    return failed ? tm_fail_memory(err) : 0;
}

/* `retract`: the element whose `id` it names. */
static int32_t set_retraction(tm_item *item, xmpp_stanza_t *message, xmpp_stanza_t *retract,
                              const tm_item_reader *reader, tm_error *err)
{
    xmpp_stanza_t *meant = reader->group ? tm_stanza_child(message, "meant", TM_NS_TIMMSG) : NULL;
    const char *author = tm_stanza_attribute(meant, "author");
    if (meant && !tm_valid_user(author)) return 0; /* nobody's message */
    snprintf(item->author, sizeof item->author, "%s", author);
    item->author_is_self = strcmp(author, reader->user) == 0;
    return set_target(item, TM_ITEM_RETRACT, tm_stanza_attribute(retract, "id"), err);
}

static int32_t read_content(tm_item *item, xmpp_stanza_t *message, const tm_item_reader *reader,
                            tm_error *err)
{
    const char *group = reader->group;
    xmpp_stanza_t *apply = tm_stanza_child(message, "apply-to", TM_NS_FASTEN);
    xmpp_stanza_t *retract = tm_stanza_child(message, "retract", "urn:xmpp:message-retract:1");
    xmpp_stanza_t *displayed = tm_stanza_child(message, "displayed", TM_NS_MARKERS);
    if (tm_stanza_child(apply, "retract", TM_NS_RETRACT))
        return set_retraction(item, message, apply, reader, err);
    if (retract) return set_retraction(item, message, retract, reader, err);
    if (displayed) return set_target(item, TM_ITEM_DISPLAYED, tm_stanza_attribute(displayed, "id"), err);
    if (tm_stanza_child(message, "received", TM_NS_RECEIPTS))
        return group ? 0 : set_targets(item, message, err);
    if (!group && item->is_self && tm_stanza_child(message, "groups", TM_NS_TIMMSG)) {
        item->kind = TM_ITEM_GROUPS;
        return 0;
    }
    item->wants_receipt = !group && !item->is_self && tm_stanza_child(message, "request", TM_NS_RECEIPTS);
    return set_elems(item, message, group != NULL, group, err);
}

/* ---- who said it, and where ---- */

/* False for who is nobody's account: whoever got that one would speak for the groups themselves. */
static bool set_user(tm_item *item, const char *user, const char *who)
{
    if (strcmp(who, SYSTEM) == 0) return false;
    snprintf(item->sender, sizeof item->sender, "%s", who);
    snprintf(item->actor, sizeof item->actor, "%s", who);
    item->is_self = strcmp(user, who) == 0;
    return true;
}

static bool is_element(xmpp_stanza_t *at, const char *name, const char *ns)
{
    const char *own = xmpp_stanza_get_name(at), *own_ns = xmpp_stanza_get_ns(at);
    return own && strcmp(own, name) == 0 && (!ns || (own_ns && strcmp(own_ns, ns) == 0));
}

/* Who wrote it, by the <item> that the room adds; NULL if that is not sure. Prosody puts it behind what the author wrote,
 * ejabberd before that, and takes out of it only what it understands: so all that looks like one must say the same. */
static xmpp_stanza_t *find_author(xmpp_stanza_t *message)
{
    xmpp_stanza_t *author = NULL;
    for (xmpp_stanza_t *x = xmpp_stanza_get_children(message); x; x = xmpp_stanza_get_next(x)) {
        if (!is_element(x, "x", TM_NS_MUC_USER)) continue;
        bool any = false;
        for (xmpp_stanza_t *at = xmpp_stanza_get_children(x); at; at = xmpp_stanza_get_next(at)) {
            if (!is_element(at, "item", NULL)) continue;
            any = true;
            if (!author) author = at;
            if (!is_element(at, "item", TM_NS_MUC_USER) ||
                strcmp(tm_stanza_attribute(at, "jid"), tm_stanza_attribute(author, "jid")) != 0 ||
                strcmp(tm_stanza_attribute(at, "affiliation"), tm_stanza_attribute(author, "affiliation")) !=
                    0)
                return NULL;
        }
        if (!any) return NULL;
    }
    return author;
}

/* In a room's archive. */
static bool read_room(const tm_item_reader *reader, xmpp_stanza_t *message, tm_item *item)
{
    char who[TM_MAX_USER_ID + 1];
    if (strcmp(tm_stanza_attribute(message, "type"), "groupchat") != 0) return false;
    xmpp_stanza_t *author = find_author(message);
    const char *jid = tm_stanza_attribute(author, "jid"),
               *affiliation = tm_stanza_attribute(author, "affiliation");
    if (!tm_jid_id(jid, reader->domain, TM_MAX_USER_ID, who)) return false;
    if (!set_user(item, reader->user, who)) return false;
    item->conv_type = kTIMConv_Group;
    snprintf(item->conv_id, sizeof item->conv_id, "%s", reader->group);
    item->says_standing = *affiliation != '\0';
    item->may_revoke = strcmp(affiliation, "owner") == 0 || strcmp(affiliation, "admin") == 0;
    return true;
}

/* Into a group: through the room, or by a user. */
static bool read_invitation(const tm_item_reader *reader, xmpp_stanza_t *message, tm_item *item)
{
    const char *from = tm_stanza_attribute(message, "from"), *room = from;
    xmpp_stanza_t *x = tm_stanza_child(message, "x", TM_NS_MUC_USER);
    xmpp_stanza_t *invite = tm_stanza_child(x, "invite", NULL),
                  *direct = tm_stanza_child(message, "x", TM_NS_CONFERENCE);
    char who[TM_MAX_USER_ID + 1];
    const char *inviter = invite ? tm_stanza_attribute(invite, "from") : from;
    if (invite && *tm_jid_resource(from)) return false;
    if (!invite && direct) room = tm_stanza_attribute(direct, "jid");
    if (!invite && !direct) return false;
    if (tm_jid_id(inviter, reader->domain, TM_MAX_USER_ID, who) && strcmp(who, reader->user) == 0)
        return true; /* one that the user sent: nothing that was said */
    if (!reader->rooms) {
        item->kind = TM_ITEM_UNCLEAR;
        return true;
    }
    if (!tm_jid_id(room, reader->rooms, TM_MAX_GROUP_ID, item->conv_id) ||
        !tm_jid_id(inviter, reader->domain, TM_MAX_USER_ID, who) || !set_user(item, reader->user, who)) {
        item->conv_id[0] = '\0';
        return false;
    }
    const char *born = tm_stanza_attribute(tm_stanza_child(message, "group", TM_NS_TIMMSG), "born");
    if (!invite && *born) item->target = tm_strdup(born);
    item->conv_type = kTIMConv_Group;
    item->kind = TM_ITEM_INVITATION;
    return true;
}

/* Whether it may be in the user's own archive. An error repeats what it is about, an invitation too. */
static bool is_own_type(const char *type)
{
    return strcmp(type, "groupchat") != 0 && strcmp(type, "error") != 0 && strcmp(type, "headline") != 0;
}

/* In the user's own archive. */
static bool read_own(const tm_item_reader *reader, xmpp_stanza_t *message, tm_item *item)
{
    const char *from = tm_stanza_attribute(message, "from"), *to = tm_stanza_attribute(message, "to");
    char sender[TM_MAX_USER_ID + 1], receiver[TM_MAX_USER_ID + 1];
    if (!tm_jid_id(from, reader->domain, TM_MAX_USER_ID, sender)) return false;
    if (!*to) /* to oneself, says RFC 6120 */
        snprintf(receiver, sizeof receiver, "%s", reader->user);
    else if (!tm_jid_id(to, reader->domain, TM_MAX_USER_ID, receiver))
        return false;
    if (!set_user(item, reader->user, sender)) return false;
    if (!item->is_self && strcmp(receiver, reader->user) != 0) return false;
    item->conv_type = kTIMConv_C2C;
    snprintf(item->conv_id, sizeof item->conv_id, "%s", item->is_self ? receiver : sender);
    return true;
}

int32_t tm_item_read(const tm_item_reader *reader, xmpp_stanza_t *message, const char *archive_id,
                     uint64_t stamp, tm_item *out, tm_error *err)
{
    memset(out, 0, sizeof *out);
    out->stamp = stamp;
    out->archive_id = tm_strdup(archive_id);
    int32_t code = out->archive_id ? 0 : tm_fail_memory(err);
    if (!code) code = set_identity(out, message, err);
    if (code) goto fail;
    if (!reader->group && !is_own_type(tm_stanza_attribute(message, "type"))) return 0;
    bool groups = !reader->rooms || *reader->rooms;
    if (!reader->group && groups && read_invitation(reader, message, out)) return 0;
    bool known = reader->group ? read_room(reader, message, out) : read_own(reader, message, out);
    if (known) code = read_content(out, message, reader, err);
    if (!code) return 0;
fail:
    tm_item_clear(out);
    return code;
}

int32_t tm_item_read_online(xmpp_stanza_t *message, const char *user, int32_t conv_type, const char *conv_id,
                            const char *sender, tm_item *out, tm_error *err)
{
    tm_error local = {0};
    memset(out, 0, sizeof *out);
    if (!set_user(out, user, sender)) return 0;
    cJSON *json = read_json(message, &local);
    const cJSON *elems = tm_json_get(json, kTIMMsgElemArray);
    out->conv_type = conv_type;
    /* a copy of what another session of the user sent says itself to whom */
    if (out->is_self && conv_type == kTIMConv_C2C) conv_id = tm_json_get_string(json, kTIMMsgConvId, "");
    if (elems && tm_valid_conv(conv_type, conv_id)) out->elems = tm_peer_elems(elems, false, &local);
    if (out->elems) {
        snprintf(out->conv_id, sizeof out->conv_id, "%s", conv_id);
        out->kind = TM_ITEM_MESSAGE;
        out->is_ours = true;
        out->seq = tm_json_get_uint(json, kTIMMsgSeq, 0);
        out->rand = tm_json_get_uint(json, kTIMMsgRand, 0);
        out->client_time = tm_json_get_uint(json, kTIMMsgClientTime, 0);
        out->priority = (uint32_t)tm_json_get_uint(json, kTIMMsgPriority, kTIMMsgPriority_Normal);
        if (out->priority > kTIMMsgPriority_Lowest) out->priority = kTIMMsgPriority_Normal;
        out->id = tm_strdup("online");
        if (!out->id) tm_fail_memory(&local);
    }
    cJSON_Delete(json);
    if (local.code != ERR_OUT_OF_MEMORY) return 0;
    tm_item_clear(out);
    return tm_fail_memory(err);
}
