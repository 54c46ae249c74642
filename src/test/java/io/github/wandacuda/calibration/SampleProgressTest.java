package io.github.wandacuda.calibration;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Shares of the work as they are told. */
class SampleProgressTest {
  private final List<String> told = new ArrayList<>();
  private final Progress progress =
      new Progress() {
        @Override
        public void step(String what, long done, long total) {
          throw new AssertionError("steps are unequal");
        }

        @Override
        public void step(String what, long done, long total, double share) {
          told.add("step ");
          within(what, done, total, share);
        }

        @Override
        public void within(String what, long done, long total, double share) {
          told.add("%s %d/%d %.3f".formatted(what, done, total, share));
        }
      };

  @Test
  void samplesShareTheirBlock() {
    SampleProgress samples = new SampleProgress(progress, 2, 2);
    samples.begin(0, 0, "sample");
    samples.passed(1, 4);
    samples.begin(0, 1, "again");
    samples.passed(4, 4);
    samples.begin(1, 1, "again");
    samples.passed(2, 4);
    samples.passed(4, 4);
    assertThat(told)
        .containsExactly(
            "block 1 of 2, sample 1/4 0.063", "block 1 of 2, again 4/4 0.500",
            "block 2 of 2, again 2/4 0.875", "block 2 of 2, again 4/4 1.000");
  }

  @Test
  void aPartIsAShareOfTheWhole() {
    Progress part = progress.part("", 1, 4);
    part.step("block", 1, 2);
    part.step("block", 2, 2, 1);
    part.within("sample", 1, 8, 0.25);
    assertThat(told)
        .containsExactly(
            "step ", "block 3/8 0.375", "step ", "block 4/8 0.500", "sample 1/8 0.313");
  }

  @Test
  void aPartMayHaveAName() {
    Progress part = progress.part("after, ", 1, 2);
    part.step("block", 1, 4);
    part.within("window", 1, 8, 0.5);
    assertThat(told).containsExactly("step ", "after, block 5/8 0.625", "after, window 1/8 0.750");
  }

  @Test
  void aPassCountsAsMuchAsItTookInTheBlockBefore() {
    long[] now = {0};
    Progress within =
        new Progress() {
          @Override
          public void step(String what, long done, long total, double share) {
            // Blocks are equal steps.
          }

          @Override
          public void within(String what, long done, long total, double share) {
            progress.within(what, done, total, share);
          }
        };
    SampleProgress samples = new SampleProgress(within, 3, 3, () -> now[0]);
    samples.overBlocks(
        0,
        index -> {
          now[0] += 5;
          samples.passed(4, 4);
          Progress pruning = samples.other(index, 1, "module pruned");
          now[0] += 45;
          pruning.step("module", 1, 2, 0.5);
          now[0] += 45;
          samples.begin(index, 2, "sample after pruning");
          now[0] += 5;
          samples.passed(4, 4);
        });
    assertThat(told)
        .contains(
            "block 1 of 3, sample 4/4 0.111",
            "block 1 of 3, module pruned 1/2 0.167",
            "block 2 of 3, sample 4/4 0.350",
            "block 2 of 3, module pruned 1/2 0.500",
            "block 2 of 3, sample after pruning 4/4 0.667");
  }

  @Test
  void aTrialSaysWhichItIsAndCountsItsOwnSteps() {
    Progress trial = progress.within("mix 2 of 4, ", 0.25, 0.5);
    trial.within("block 1 of 6, sample", 1, 8, 0.5);
    trial.step("block", 6, 6, 1);
    assertThat(told)
        .containsExactly(
            "mix 2 of 4, block 1 of 6, sample 1/8 0.375", "step ", "mix 2 of 4, block 6/6 0.500");
  }
}
