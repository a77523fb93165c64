//! The registry of what the audit logs tell: each action by its stable word, with its sentence for people. Writing a row of
//! an action that does not stand here is a defect, which debug builds refuse.

use crate::locale::{Locale, Sentence};

/// Something that is written down when it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditAction {
    /// The word in the log and the API.
    pub name: &'static str,
    /// What was done.
    pub sentence: Sentence,
}

const fn action(name: &'static str, zh_cn: &'static str, en: &'static str) -> AuditAction {
    AuditAction { name, sentence: Sentence { zh_cn, en } }
}

/// What a tenant's log tells.
pub const OF_TENANTS: &[AuditAction] = &[
    action("install.created", "安装插件", "A plugin was installed"),
    action("install.enabled", "启用插件", "A plugin was enabled"),
    action("install.upgraded", "升级插件", "A plugin was upgraded"),
    action("install.rolled-back", "回退插件", "A plugin was rolled back"),
    action("uninstall.purged", "清除已卸载插件的数据", "What an uninstalled plugin kept was removed"),
    action("install.stopped", "插件被运营方停止", "The operator stopped a plugin"),
    action("install.disabled", "停用插件", "A plugin was disabled"),
    action("install.deleted", "卸载插件", "A plugin was uninstalled"),
    action("install.settings-changed", "更改插件设置", "Settings of a plugin were changed"),
    action("install.grants-changed", "更改插件权限", "Permissions of a plugin were changed"),
    action("install.failure-changed", "更改插件出错时的处理", "What a plugin's failure does was changed"),
    action("install.secret-set", "设置插件密钥", "A secret of a plugin was set"),
    action("install.secret-deleted", "删除插件密钥", "A secret of a plugin was deleted"),
    action("install.reordered", "调整插件顺序", "The order of plugins was changed"),
    action("install.rearmed", "恢复熔断的插件", "A plugin that rested after failures is asked again"),
    action("outbound.sent", "插件向外部服务器发送请求", "A plugin sent a request to another server"),
    action("outbound.blocked", "拦截插件发送的内容", "What a plugin wanted to send was held back"),
    action("schedule.run", "手动运行定时任务", "A schedule was run by hand"),
    action("subscription.paused", "暂停订阅", "A subscription was paused"),
    action("subscription.resumed", "恢复订阅", "A subscription was resumed"),
    action("event.skipped", "跳过事件", "An event was skipped"),
    action("dead-letter.discarded", "丢弃死信", "A dead letter was discarded"),
    action("replay.created", "发起重放", "A replay was started"),
    action("replay.cancelled", "取消重放", "A replay was cancelled"),
    action("webhook.created", "新建 Webhook", "A webhook was created"),
    action("webhook.changed", "更改 Webhook", "A webhook was changed"),
    action("webhook.deleted", "删除 Webhook", "A webhook was deleted"),
    action("webhook.rearmed", "恢复熔断的 Webhook", "A webhook that rested after failures is sent to again"),
    action("webhook.secret-rotated", "轮换 Webhook 密钥", "A new secret of a webhook was made"),
    action("webhook.secret-retired", "停用 Webhook 密钥", "A secret of a webhook was retired"),
    action("product.created", "新建商品", "A product was created"),
    action("product.updated", "更改商品", "A product was changed"),
    action("sku.created", "新建 SKU", "A SKU was created"),
    action("sku.updated", "更改 SKU", "A SKU was changed"),
    action("inventory.level-set", "设置库存", "A stock level was set"),
    action("catalog.imported", "导入商品", "Products were imported"),
    action("cart.created", "新建购物车", "A cart was created"),
    action("cart.changed", "更改购物车", "A cart was changed"),
    action("order.placed", "下单", "An order was placed"),
    action("order.annotated", "更改订单备注或标签", "Notes or tags of an order were changed"),
    action("orders.imported", "导入订单", "Orders were imported"),
    action("payment.recorded", "记录付款", "A payment was recorded"),
    action("customer.created", "新建顾客", "A customer was created"),
    action("customer.updated", "更改顾客", "A customer was changed"),
    action("customers.imported", "导入顾客", "Customers were imported"),
    action("points.earned", "发放积分", "Points were earned"),
    action("points.spent", "使用积分", "Points were spent"),
    action("points.frozen", "冻结积分", "Points were frozen"),
    action("points.confirmed", "确认冻结的积分", "Frozen points were confirmed"),
    action("points.unfrozen", "解冻积分", "Frozen points were released"),
    action("points.lapsed", "冻结到期，积分退回", "Frozen points came back after their time"),
    action("points.refunded", "退还积分", "Points were refunded"),
    action("coupon-batch.created", "新建优惠券批次", "A batch of coupons was created"),
    action("coupon-batch.closed", "关闭优惠券批次", "A batch of coupons was closed"),
    action("coupon.issued", "发放优惠券", "A coupon was issued"),
    action("coupon.voided", "作废优惠券", "A coupon was voided"),
    NOTICE_ACKNOWLEDGED,
];

/// What the platform's own log tells.
pub const OF_PLATFORM: &[AuditAction] = &[
    action("tenant.created", "新建商家", "A merchant was created"),
    action("tenant.limit-profile-changed", "更改商家的限额档案", "A merchant was given another limit profile"),
    action("limit-profile.changed", "更改限额档案", "A limit profile was changed"),
    action("publisher.created", "新建开发商", "A publisher was created"),
    action("signing-key.created", "登记签名密钥", "A signing key was registered"),
    action("signing-key.revoked", "吊销签名密钥", "A signing key was revoked"),
    action("plugin.created", "登记插件名称", "The name of a plugin was taken"),
    action("version.submitted", "提交版本", "A version was submitted"),
    action("version.approved", "通过版本", "A version was approved"),
    action("version.rejected", "驳回版本", "A version was rejected"),
    action("version.deprecated", "标记版本为不再推荐", "A version was deprecated"),
    action("version.restored", "恢复推荐版本", "A version is recommended again"),
    action("version.withdrawn", "下架版本", "A version was withdrawn"),
    action("version.killed", "停止版本在所有店铺的运行", "A version was stopped in all shops"),
    action("version.revived", "恢复版本的运行", "A version may run again"),
    action("user.created", "新建用户", "A user was created"),
    action("user.password-changed", "更改密码", "A password was changed"),
    action("role.granted", "授予角色", "A role was granted"),
    action("role.revoked", "撤销角色", "A role was revoked"),
    action("session.created", "登录", "A person signed in"),
    action("session.ended", "退出登录", "A person signed out"),
    action("sign-in-link.created", "生成登录链接", "A link to sign in was made"),
    action("app-pass.created", "打开插件页面", "A person opened a plugin's page"),
    action("token.created", "新建令牌", "A token was created"),
    action("token.revoked", "吊销令牌", "A token was revoked"),
    action("keys.rotated", "轮换主密钥", "The master key was rotated"),
    NOTICE_ACKNOWLEDGED,
];

const NOTICE_ACKNOWLEDGED: AuditAction = action("notice.acknowledged", "确认通知", "A notice was acknowledged");

/// Whether a log tells of the action.
pub fn is_known(log: &[AuditAction], name: &str) -> bool {
    log.iter().any(|action| action.name == name)
}

/// What was done, in a reader's language; the word itself where it is of a later version.
pub fn sentence(name: &str, reader: Locale) -> &str {
    let known = OF_TENANTS.iter().chain(OF_PLATFORM).find(|action| action.name == name);
    known.map_or(name, |action| action.sentence.get(reader))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_action_stands_once_in_a_log_and_says_something_in_both_languages() {
        for log in [OF_TENANTS, OF_PLATFORM] {
            let names: BTreeSet<_> = log.iter().map(|action| action.name).collect();
            assert_eq!(names.len(), log.len());
            for action in log {
                assert!(Locale::ALL.iter().all(|locale| !action.sentence.get(*locale).is_empty()), "{}", action.name);
            }
        }
        assert_eq!(sentence("order.placed", Locale::En), "An order was placed");
        assert_eq!(sentence("order.vanished", Locale::En), "order.vanished");
    }
}
