package io.github.wandacuda.job.prune;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** When the hidden states of a calibrated run are saved. */
class SaveTimesTest {
  private final AtomicLong clock = new AtomicLong();

  /** Returns the blocks whose states are saved when each block takes ten seconds. */
  private List<Integer> saved(int every, int first) {
    StateFiles.SaveTimes times =
        new StateFiles.SaveTimes(Duration.ofSeconds(every), first, clock::get);
    return IntStream.range(first + 1, 20)
        .filter(
            block -> {
              clock.addAndGet(Duration.ofSeconds(10).toNanos());
              return times.isTime(block);
            })
        .boxed()
        .toList();
  }

  @Test
  void eachBlockIsSavedWhereNoTimeIsToBeLost() {
    assertThat(saved(0, 0)).containsExactlyElementsOf(IntStream.range(1, 20).boxed().toList());
  }

  @Test
  void theOtherBlocksAreLeftOut() {
    assertThat(saved(50, 0)).containsExactly(5, 10, 15);
  }

  @Test
  void theStatesSavedLastAreNotWrittenOver() {
    // After four blocks it would be the same file's turn.
    assertThat(saved(40, 0)).containsExactly(4, 9, 14, 19);
    assertThat(saved(20, 6)).containsExactly(9, 12, 15, 18);
  }

  @Test
  void aRunWithoutRoomSavesNone() {
    assertThat(new StateFiles.SaveTimes(null, 0, clock::get).isTime(1)).isFalse();
  }
}
