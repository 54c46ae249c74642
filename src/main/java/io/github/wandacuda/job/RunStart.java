package io.github.wandacuda.job;

import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.system.Workers;
import java.util.HashSet;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Where a run begins.
 *
 * @param kept the work of an interrupted run that is kept
 * @param block the first block of a calibrated run, 0 for other runs
 */
record RunStart(ResumableWork kept, int block) {
  private static final Pattern BLOCK = Pattern.compile("\\.(\\d{1,9})\\.");

  /**
   * Checks what an interrupted run has left, if there is one, and notes in the journal where this
   * run begins.
   */
  static RunStart of(
      RunScope scope, OutputDirectory output, Fingerprint fingerprint, Workers workers) {
    Journal journal = output.journal();
    if (output.interrupted().isEmpty()) {
      journal.restart(RunRecords.run(fingerprint));
      return new RunStart(ResumableWork.NONE, 0);
    }
    RunRecords records = output.interrupted().get();
    ResumableWork kept =
        ResumableWork.check(
            records,
            scope.model().checkpoint(),
            scope.chosen(),
            scope.isCalibrated(),
            output.path(),
            workers);
    if (!scope.isCalibrated()) {
      return new RunStart(kept, 0);
    }
    RunStart start = lastCompleteBlock(scope, output, records, kept);
    journal.append(RunRecords.resumed(start.block()));
    return start;
  }

  /** Returns the start at the latest block whose states, and all modules before it, are kept. */
  private static RunStart lastCompleteBlock(
      RunScope scope, OutputDirectory output, RunRecords records, ResumableWork kept) {
    int blocks = DecoderFamilies.of(scope.model().config()).shape(scope.model().config()).blocks();
    long bytes = RunNeeds.stateBytes(scope.model(), scope.request().calibration());
    Set<Integer> overwritten = new HashSet<>();
    for (RunRecords.States states : records.states()) {
      if (overwritten.add(StateFiles.fileOf(states.block()))
          && states.block() > 0
          && states.block() < blocks
          && hasAllBefore(scope, states)
          && kept.hasModulesOf(states.tensors())
          && StateFiles.holds(output.path(), states, bytes)) {
        return new RunStart(kept.withModulesOf(states.tensors()), states.block());
      }
    }
    return new RunStart(kept.withModulesOf(Set.of()), 0);
  }

  /** Returns whether all modules of the blocks before some states were written before them. */
  private static boolean hasAllBefore(RunScope scope, RunRecords.States states) {
    return scope.chosen().stream()
        .filter(module -> block(module) < states.block())
        .allMatch(module -> states.tensors().contains(module.tensor().name()));
  }

  private static int block(LinearModule module) {
    Matcher number = BLOCK.matcher(module.name());
    return number.find() ? Integer.parseInt(number.group(1)) : 0;
  }
}
