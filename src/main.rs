//! The one binary: chooses the cryptography, then does what the command line says.
use std::process::ExitCode;

/// Pages come and go in bursts; this allocator gives their memory back, and is faster at it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The first TLS client would panic without it. An error means that a provider is set already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    actix_web::rt::System::new().block_on(muster::cli::main())
}
