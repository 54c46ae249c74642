package io.github.wandacuda.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.testing.Signals;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** Whatever code does to signal handlers, it's undone. */
@EnabledOnOs({OS.LINUX, OS.MAC})
class SignalHandlersTest {
  /** SIGALRM, and SIGURG or macOS's SIGIO: nobody sends either to a test. */
  private static final int[] CHANGED = {14, 23};

  @Test
  void handlersAreSetBack() {
    Map<Integer, Long> before = Signals.handlers();
    Map<Integer, Long> within = SignalHandlers.kept(SignalHandlersTest::changed);
    assertThat(within).isNotEqualTo(before);
    for (int signal : CHANGED) {
      assertThat(within).containsEntry(signal, Signals.SIG_IGN);
    }
    assertThat(Signals.handlers()).isEqualTo(before);
  }

  @Test
  void handlersAreSetBackAfterAFailure() {
    Map<Integer, Long> before = Signals.handlers();
    assertThatThrownBy(
            () ->
                SignalHandlers.kept(
                    () -> {
                      throw new IllegalArgumentException(changed().toString());
                    }))
        .isInstanceOf(IllegalArgumentException.class);
    assertThat(Signals.handlers()).isEqualTo(before);
  }

  @Test
  void oneMayBeWithinAnother() {
    Map<Integer, Long> before = Signals.handlers();
    Map<Integer, Long> within =
        SignalHandlers.kept(
            () -> {
              Map<Integer, Long> outer = changed();
              Map<Integer, Long> inner = SignalHandlers.kept(Signals::handlers);
              assertThat(inner).isEqualTo(outer);
              return Signals.handlers();
            });
    assertThat(within).containsEntry(CHANGED[0], Signals.SIG_IGN);
    assertThat(Signals.handlers()).isEqualTo(before);
  }

  private static Map<Integer, Long> changed() {
    for (int signal : CHANGED) {
      Signals.set(signal, Signals.SIG_IGN);
    }
    return Signals.handlers();
  }
}
