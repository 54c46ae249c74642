package io.github.wandacuda.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import java.util.concurrent.CountDownLatch;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

class BackgroundWorkTest {
  @Test
  void aResultIsWaitedForAndStays() {
    CountDownLatch asked = new CountDownLatch(1);
    Supplier<Integer> result =
        BackgroundWork.begin(
            "test",
            () -> {
              CancelledException.waiting(asked::await);
              return 7;
            });
    asked.countDown();
    assertThat(result.get()).isEqualTo(7);
    assertThat(result.get()).isEqualTo(7);
  }

  @Test
  void whatFailedIsThrownAsItIs() {
    InputException failure =
        new InputException(ErrorDetails.NOWHERE.said("a file that can't be read"));
    Supplier<Integer> result =
        BackgroundWork.begin(
            "test",
            () -> {
              throw failure;
            });
    assertThatThrownBy(result::get).isSameAs(failure);
  }
}
