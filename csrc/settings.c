/* Settings: SetConfig (rule 8). See worker.h. */
#include "worker.h"

#include "include/TIMCloudDef.h"
#include "json.h"

static void set_proxy(tm_worker *worker, const cJSON *config)
{
    tm_client *client = worker->client;
    const cJSON *http = tm_json_get(config, kTIMSetConfigHttpProxyInfo);
    const cJSON *socks = tm_json_get(config, kTIMSetConfigSocks5ProxyInfo);
    const char *ip =
        tm_json_get_string(socks ? socks : http, socks ? kTIMSocks5ProxyInfoIp : kTIMHttpProxyInfoIp, "");
    unsigned port = (unsigned)tm_json_get_uint(socks ? socks : http,
                                               socks ? kTIMSocks5ProxyInfoPort : kTIMHttpProxyInfoPort, 0);
    if (!socks && !http) return;
    char *proxy = NULL;
    if (*ip && socks) {
        const char *user = tm_json_get_string(socks, kTIMSocks5ProxyInfoUserName, "");
        const char *password = tm_json_get_string(socks, kTIMSocks5ProxyInfoPassword, "");
        proxy = *user ? tm_format("socks5h://%s:%s@%s:%u", user, password, ip, port)
                      : tm_format("socks5h://%s:%u", ip, port);
    } else if (*ip) {
        proxy = tm_format("http://%s:%u", ip, port);
    }
    pthread_mutex_lock(&client->lock);
    tm_free(client->proxy);
    client->proxy = proxy;
    pthread_mutex_unlock(&client->lock);
    worker->proxy_changed = true;
}

static int32_t start_set_config(tm_worker *worker, tm_request *request, tm_error *err)
{
    (void)err;
    tm_client *client = worker->client;
    const cJSON *config = request->args.json;
    const cJSON *user = tm_json_get(config, kTIMSetConfigUserConfig);
    worker->file_level = (int)tm_json_get_int(config, kTIMSetConfigLogLevel, worker->file_level);
    worker->sink_level = (int)tm_json_get_int(config, kTIMSetConfigCackBackLogLevel, worker->sink_level);
    worker->console = tm_json_get_bool(config, kTIMSetConfigIsLogOutputConsole, worker->console);
    tm_log_set_levels(client->log, (enum TIMLogLevel)worker->file_level, (enum TIMLogLevel)worker->sink_level,
                      worker->console);
    if (tm_json_get(user, kTIMUserConfigIsReadReceipt))
        atomic_store(&client->want_receipts, tm_json_get_bool(user, kTIMUserConfigIsReadReceipt, false));
    set_proxy(worker, config);
    tm_worker_finish(worker, request);
    return 0;
}

const tm_handler_type tm_handle_set_config = {.class = TM_CLASS_SOLO, .start = start_set_config};
