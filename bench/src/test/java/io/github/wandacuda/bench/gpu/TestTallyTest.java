package io.github.wandacuda.bench.gpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.util.Map;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Disabled;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.launcher.TagFilter;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

class TestTallyTest {
  /** Run by these tests alone. */
  @Tag("tallied")
  static class Mixed {
    @Test
    void passes() {}

    @Test
    void fails() {
      fail("wrong bits\nand more");
    }

    @Test
    void isSkipped() {
      Assumptions.abort("no card");
    }

    @Test
    @Disabled("for later")
    void isDisabled() {}

    @Test
    void isAboutOthers() {
      fail("not ours");
    }
  }

  /** Run by these tests alone. */
  @Tag("tallied")
  static class Broken {
    @BeforeAll
    static void prepare() {
      throw new IllegalStateException("no memory");
    }

    @Test
    void isNeverRun() {}
  }

  private static TestTally tally(Class<?> tests) {
    TestTally tally = new TestTally(name -> !name.contains("isAboutOthers"));
    LauncherFactory.create()
        .execute(
            LauncherDiscoveryRequestBuilder.request()
                .selectors(DiscoverySelectors.selectClass(tests))
                .filters(TagFilter.includeTags("tallied"))
                .build(),
            tally);
    return tally;
  }

  @Test
  void eachEndIsCounted() {
    TestTally tally = tally(Mixed.class);
    assertEquals(1, tally.passed());
    assertEquals(1, tally.failed());
    assertEquals(2, tally.skipped());
    assertTrue(tally.firstFailure().endsWith("fails(): wrong bits"));
    Map<String, Object> row = tally.rows().get(0);
    assertEquals("TestTallyTest$Mixed", row.get("test"));
    assertEquals(1, row.get("passed"));
    assertEquals("fails(): wrong bits", row.get("reason"));
  }

  @Test
  void aFailureBeforeTheTestsIsAFailure() {
    TestTally tally = tally(Broken.class);
    assertEquals(0, tally.passed());
    assertEquals(1, tally.failed());
    assertTrue(tally.firstFailure().contains("no memory"));
  }
}
