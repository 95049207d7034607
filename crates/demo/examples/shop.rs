//! Runs one service of the shop: `shop <service>`. It is started by a process host.

fn main() -> Result<(), demo::shop::ShopError> {
    demo::shop::run(&std::env::args().nth(1).unwrap_or_default())
}
