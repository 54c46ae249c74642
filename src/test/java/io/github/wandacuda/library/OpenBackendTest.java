package io.github.wandacuda.library;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.forward.ColumnSquares;
import io.github.wandacuda.forward.Operations;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** When a backend that calls share is given back. */
class OpenBackendTest {
  private final Set<String> locked = new TreeSet<>();
  private final Set<String> unlocked = new TreeSet<>();
  private final AtomicInteger givenBack = new AtomicInteger();
  private final OpenBackend open =
      new OpenBackend(
          watched(Backend.class, Backends.open("cpu", 0, 1).backend()),
          Runnable::run,
          givenBack::incrementAndGet);

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

  /** Notes the calls of what this is of, a backend's own left out, and of what they give. */
  private <T> T watched(Class<T> type, T of) {
    InvocationHandler handler =
        (proxy, method, arguments) -> {
          if (type != Backend.class) {
            boolean holds = Thread.holdsLock(open.operations);
            (holds ? locked : unlocked).add(method.getName());
          }
          try {
            return seen(method.invoke(of, arguments));
          } catch (InvocationTargetException e) {
            throw e.getCause();
          }
        };
    return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, handler));
  }

  private Object seen(Object given) {
    if (given instanceof Operations operations) {
      return watched(Operations.class, operations);
    }
    return given instanceof ColumnSquares squares ? watched(ColumnSquares.class, squares) : given;
  }

  /** A device's forward half takes one call at a time, so each is made with the lock held. */
  @Test
  void columnNormsLockTheDevice() {
    try (ColumnNorms norms = ColumnNorms.on(open, 3);
        ColumnNorms others = ColumnNorms.on(open, 3)) {
      norms.add(new float[] {1, 2, 2, 0, 0, 0}, 0, 2);
      assertThat(norms.merge(others).norms(1)).containsExactly(1, 2, 2);
    }
    open.close();
    assertThat(unlocked).isEmpty();
    assertThat(locked).containsExactly("add", "close", "columnSquares", "sums", "tensor", "upload");
  }
}
