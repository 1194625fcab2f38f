//! The figures of the runner for those who ask, and for the file that a collector reads.

use jiff::Timestamp;

use super::state::QueueState;

impl QueueState {
    /// All of it as text.
    pub(super) fn metrics_text(&self) -> String {
        self.metrics.text(&self.schedule)
    }

    /// Has the file written if it is due. The alarm thread does it: its folder may be on a disk that hangs.
    pub(super) fn write_metrics(&mut self, now: Timestamp) {
        let Some(path) = self.loaded.config.metrics.textfile.clone() else { return };
        if self.metrics.due().is_some_and(|due| due <= now) {
            self.metrics.written(now);
            self.alarms.write(path, self.metrics_text());
        }
    }

    /// When that is.
    pub(super) fn metrics_due(&self) -> Option<Timestamp> {
        self.loaded.config.metrics.textfile.as_ref().and_then(|_| self.metrics.due())
    }
}
