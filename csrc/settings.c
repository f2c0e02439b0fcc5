/* Settings: SetConfig (rule 8). See worker.h. */
#include "worker.h"

#include "include/TIMCloudDef.h"
#include "json.h"
#include "path.h"

#include <string.h>

/* A proxy's address for curl. What is part of it must not look like the rest: a password may have any characters, and an
 * IPv6 address has colons, and may stand in brackets already. Owned by the caller; NULL: memory. */
static char *proxy_address(const char *scheme, const char *user, const char *password, const char *ip,
                           unsigned port)
{
    const char *before = strchr(ip, ':') && *ip != '[' ? "[" : "", *behind = *before ? "]" : "";
    if (!*user) return tm_format("%s://%s%s%s:%u", scheme, before, ip, behind, port);
    char *name = tm_path_escape(user), *secret = tm_path_escape(password), *address = NULL;
    if (name && secret)
        address = tm_format("%s://%s:%s@%s%s%s:%u", scheme, name, secret, before, ip, behind, port);
    tm_free(name);
    tm_free(secret);
    return address;
}

static int32_t set_proxy(tm_worker *worker, const cJSON *config, tm_error *err)
{
    tm_client *client = worker->client;
    const cJSON *http = tm_json_get(config, kTIMSetConfigHttpProxyInfo);
    const cJSON *socks = tm_json_get(config, kTIMSetConfigSocks5ProxyInfo);
    const char *ip =
        tm_json_get_string(socks ? socks : http, socks ? kTIMSocks5ProxyInfoIp : kTIMHttpProxyInfoIp, "");
    unsigned port = (unsigned)tm_json_get_uint(socks ? socks : http,
                                               socks ? kTIMSocks5ProxyInfoPort : kTIMHttpProxyInfoPort, 0);
    if (!socks && !http) return 0;
    char *proxy = NULL;
    if (*ip && !(proxy = proxy_address(socks ? "socks5h" : "http",
                                       tm_json_get_string(socks, kTIMSocks5ProxyInfoUserName, ""),
                                       tm_json_get_string(socks, kTIMSocks5ProxyInfoPassword, ""), ip, port)))
        return tm_fail_memory(err);
    pthread_mutex_lock(&client->lock);
    tm_free(client->proxy);
    client->proxy = proxy;
    pthread_mutex_unlock(&client->lock);
    worker->proxy_changed = true;
    return 0;
}

static int32_t start_set_config(tm_worker *worker, tm_request *request, tm_error *err)
{
    tm_client *client = worker->client;
    const cJSON *config = request->args.json;
    const cJSON *user = tm_json_get(config, kTIMSetConfigUserConfig);
    int32_t code = set_proxy(worker, config, err); /* what may fail comes first */
    if (code) return code;
    worker->file_level = (int)tm_json_get_int(config, kTIMSetConfigLogLevel, worker->file_level);
    worker->sink_level = (int)tm_json_get_int(config, kTIMSetConfigCackBackLogLevel, worker->sink_level);
    worker->console = tm_json_get_bool(config, kTIMSetConfigIsLogOutputConsole, worker->console);
    tm_log_set_levels(client->log, (enum TIMLogLevel)worker->file_level, (enum TIMLogLevel)worker->sink_level,
                      worker->console);
    if (tm_json_get(user, kTIMUserConfigIsReadReceipt))
        atomic_store(&client->want_receipts, tm_json_get_bool(user, kTIMUserConfigIsReadReceipt, false));
    tm_worker_finish(worker, request);
    return 0;
}

const tm_handler_type tm_handle_set_config = {.class = TM_CLASS_SOLO, .start = start_set_config};
