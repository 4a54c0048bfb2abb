"""The vendor's names that a job file may use, as its documents list them; it adds to them from time to time."""

DATASETS = frozenset(
    {
        "basic",
        "core",
        "batchrank",
        "contact",
        "deed",
        "demographic",
        "foreclosure",
        "image",
        "listing",
        "mortgage-liens",
        "owner",
        "permit",
        "quicklist",
        "valuation",
    }
)
"""What `datasets` may name."""

QUICK_LISTS = frozenset(
    {
        "absentee-owner",
        "in-state-absentee-owner",
        "out-of-state-absentee-owner",
        "out-of-state-owner",
        "owner-occupied",
        "same-property-and-mailing-address",
        "active-listing",
        "pending-listing",
        "on-market",
        "canceled-listing",
        "expired-listing",
        "failed-listing",
        "for-sale-by-owner",
        "listed-below-market-price",
        "preforeclosure",
        "notice-of-default",
        "notice-of-lis-pendens",
        "notice-of-sale",
        "active-auction",
        "tax-default",
        "involuntary-lien",
        "vacant",
        "mailing-address-vacant",
        "high-equity",
        "low-equity",
        "free-and-clear",
        "unknown-equity",
        "cash-buyer",
        "corporate-owned",
        "trust-owned",
        "senior-owner",
        "inherited",
        "tired-landlord",
        "fix-and-flip",
        "recently-sold",
        "has-hoa",
        "has-hoa-fees",
        "vacant-lot",
    }
)
"""What `quickLists` and `orQuickLists` may name, each also with `not-` before it."""
