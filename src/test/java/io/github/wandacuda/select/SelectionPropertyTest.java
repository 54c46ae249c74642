package io.github.wandacuda.select;

import io.github.wandacuda.testing.backend.OpenedBackend;
import io.github.wandacuda.testing.backend.TestedBackend;
import io.github.wandacuda.testing.backend.TestedBackends;
import io.github.wandacuda.testing.selection.MagnitudesProperties;
import io.github.wandacuda.testing.selection.ManyRowsProperties;
import io.github.wandacuda.testing.selection.SelectGroupsProperties;
import io.github.wandacuda.testing.selection.SelectRowsProperties;
import io.github.wandacuda.testing.selection.SelectThresholdProperties;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import net.jqwik.api.Assume;
import net.jqwik.api.PropertyDefaults;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.Tag;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import net.jqwik.api.lifecycle.BeforeTry;
import org.opentest4j.TestAbortedException;

/** Properties of all operations on each of the backends that this run of the tests is for. */
@Tag("operation")
@PropertyDefaults(shrinking = ShrinkingMode.BOUNDED)
class SelectionPropertyTest
    implements SelectRowsProperties,
        SelectGroupsProperties,
        SelectThresholdProperties,
        ManyRowsProperties,
        MagnitudesProperties {
  private static final List<OpenedBackend> OPENED = new ArrayList<>();
  private static final Map<String, Selector> SELECTORS = new LinkedHashMap<>();
  private static final int GPU_SHARE = 3;

  private int tries;

  /** Opens those that are there; jqwik has no parameters for containers that are made anew. */
  @BeforeContainer
  static void open() {
    List<String> missing = new ArrayList<>();
    TestedBackends.chosen()
        .map(backend -> backend == TestedBackend.CUDA ? TestedBackend.CUDA_FEW_BLOCKS : backend)
        .filter(backend -> !backend.isVariant() || backend == TestedBackend.CUDA_FEW_BLOCKS)
        .distinct()
        .map(OpenedBackend::new)
        .forEach(
            backend -> {
              try {
                SELECTORS.put(backend.toString(), backend.selector());
                OPENED.add(backend);
              } catch (TestAbortedException e) {
                missing.add(e.getMessage());
              }
            });
    if (OPENED.isEmpty()) {
      throw new TestAbortedException(String.join("; ", missing));
    }
  }

  @AfterContainer
  static void close() {
    SELECTORS.clear();
    OPENED.forEach(OpenedBackend::close);
    OPENED.clear();
  }

  @Override
  public Map<String, Selector> selectors() {
    return SELECTORS;
  }

  /** PoCL compiles for each size anew, and pretended GPUs are slow: every third try is theirs. */
  @BeforeTry
  void leaveOutSomeOnGpus() {
    Assume.that(tries++ % GPU_SHARE == 0 || !onGpus());
  }

  @Override
  public int smallMatrices() {
    return onGpus() ? 600 : 4000;
  }

  private static boolean onGpus() {
    return OPENED.stream().anyMatch(backend -> backend.which().isGpu());
  }
}
