//! `heptad:members/coupons` and `coupons-write`: what members hold, issuing and taking back.

use heptad_bindings::Failure;
use heptad_bindings::host::heptad::members::coupons::{Coupon, Host, Status};
use heptad_bindings::host::heptad::members::coupons_write::{self, Grant, Withdrawal};
use heptad_capabilities::members::coupons::{self, CouponStatus, coupons_held, coupons_issue, coupons_void};
use heptad_model::Permission;

use super::customers_within;
use crate::call::Call;

fn coupon(coupon: coupons::Coupon) -> Coupon {
    Coupon {
        id: coupon.id.to_string(),
        code: coupon.code,
        batch: coupon.batch,
        customer: coupon.customer.to_string(),
        status: match coupon.status {
            CouponStatus::Issued => Status::Issued,
            CouponStatus::Void => Status::Void,
            CouponStatus::Expired => Status::Expired,
        },
        issued_at: coupon.issued_at.as_millis(),
        expires_at: coupon.expires_at.as_millis(),
    }
}

impl Host for Call {
    async fn held(&mut self, customers: Vec<String>) -> Result<Vec<Coupon>, Failure> {
        let read = async |mut tx| {
            customers_within(&customers)?;
            Ok(coupons_held(&mut tx, &customers).await?.into_iter().map(coupon).collect())
        };
        self.read(Permission::MembersCouponsRead, "heptad:members/coupons#held", &customers, read).await
    }
}

impl coupons_write::Host for Call {
    async fn issue(&mut self, grants: Vec<Grant>) -> Result<Vec<Coupon>, Failure> {
        let grant = |Grant { request, batch, customer }: &Grant| coupons::Grant {
            request: request.clone(),
            batch: batch.clone(),
            customer: customer.clone(),
        };
        let given: Vec<coupons::Grant> = grants.iter().map(grant).collect();
        let write = async |mut tx| Ok(coupons_issue(&mut tx, &given).await?.into_iter().map(coupon).collect());
        self.write(Permission::MembersCouponsWrite, "heptad:members/coupons-write#issue", &grants, write).await
    }

    async fn void_coupons(&mut self, withdrawals: Vec<Withdrawal>) -> Result<(), Failure> {
        let withdrawal = |Withdrawal { coupon, reason }: &Withdrawal| coupons::Withdrawal {
            coupon: coupon.clone(),
            reason: reason.clone(),
        };
        let given: Vec<coupons::Withdrawal> = withdrawals.iter().map(withdrawal).collect();
        let write = async |mut tx| Ok(coupons_void(&mut tx, &given).await?);
        let function = "heptad:members/coupons-write#void-coupons";
        self.write(Permission::MembersCouponsWrite, function, &withdrawals, write).await
    }
}
