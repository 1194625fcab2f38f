//! Admission: completes a submission and stores it in queue/, the same for all ways in. `deliver::plan` decides later
//! how it is delivered.

pub mod complete;
pub mod context;
pub mod early_bounce;
pub mod pickup;
pub mod readmit;
pub mod store;
