//! Admission: completes a submission and stores it in queue/, in the same way for every
//! entrance. Delivery is decided later, by `deliver::plan`.

pub mod complete;
pub mod context;
pub mod early_bounce;
pub mod pickup;
pub mod readmit;
pub mod store;
