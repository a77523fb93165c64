# 审计日志。各项操作的说明见模型中的登记表。
install-done = 查看它做过什么
nav-audit = 审计日志
audit-lead = 谁在您的店铺里做了什么。保留 { $years } 年，不会更改。
audit-lead-platform = 谁在平台上做了什么。保留 { $years } 年，不会更改。
audit-action = 操作
audit-all-actions = 全部
audit-actor = 操作者
audit-actor-hint = 编号，如 usr_…、tok_… 或 ins_…
audit-none = 暂无记录
audit-none-why = 一旦有人做了更改，就会记录在这里。
audit-none-filtered = 没有符合条件的记录。
