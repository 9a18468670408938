//! What every page needs: requests, forms, answers, the layout, its assets, headers, CSRF, and errors as pages. It knows no feature.

pub mod assets;
pub mod compress;
pub mod csrf;
pub mod csv;
pub mod filters;
pub mod flash;
pub mod form;
pub mod layout;
pub mod limits;
pub mod list;
pub mod locale;
pub mod middleware;
pub mod outgoing;
pub mod request;
pub mod respond;
pub mod routes;
pub mod spool;
pub mod turns;
pub mod upload;
pub mod xlsx;
