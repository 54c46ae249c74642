package io.github.wandacuda.library;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.wandacuda.backend.Backends;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** When a backend that calls share is given back. */
class OpenBackendTest {
  private final AtomicInteger givenBack = new AtomicInteger();
  private final OpenBackend open =
      new OpenBackend(
          Backends.open("cpu", 0, 1).backend(), Runnable::run, givenBack::incrementAndGet);

  @Test
  void whereNobodyUsesItItIsGivenBackAtOnceAndOnce() {
    open.enter();
    open.leave();
    assertThat(givenBack).as("before it is closed").hasValue(0);
    open.close();
    open.close();
    assertThat(givenBack).hasValue(1);
    assertThatIllegalStateException().isThrownBy(open::enter).withMessage("the pruner is closed");
  }

  @Test
  void theLastUserGivesItBack() {
    open.enter();
    open.enter();
    open.close();
    open.leave();
    assertThat(givenBack).as("while it is used").hasValue(0);
    open.leave();
    assertThat(givenBack).hasValue(1);
  }
}
