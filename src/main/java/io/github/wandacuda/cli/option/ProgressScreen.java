package io.github.wandacuda.cli.option;

import io.github.wandacuda.calibration.Progress;

/** Where a command shows its progress, which is the program's to know. */
public interface ProgressScreen {
  Progress progress();

  /** Takes a line of progress away, so that a result can be printed on the same terminal. */
  void hide();
}
