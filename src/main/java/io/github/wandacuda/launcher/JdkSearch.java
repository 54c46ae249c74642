package io.github.wandacuda.launcher;

import io.github.wandacuda.launcher.trust.TrustedPaths;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Chooses the Java that the program runs on. A Java that other users may have put there or may
 * change is not even read for its version.
 */
final class JdkSearch {
  private final TrustedPaths trusted;
  private final Map<Path, String> passedOver = new LinkedHashMap<>();

  JdkSearch(TrustedPaths trusted) {
    this.trusted = trusted;
  }

  /**
   * Returns the best suitable Java: the version that the program was tested with, else the lowest
   * newer one; among equals the first; null if there is none.
   */
  JavaHome best(List<Path> homes) {
    JavaHome best = null;
    for (Path path : homes) {
      JavaHome home = read(path);
      if (home != null && home.isSuitable() && (best == null || feature(home) < feature(best))) {
        best = isTrusted(home) ? home : best;
      }
      if (best != null && feature(best) == Launcher.JAVA) {
        return best;
      }
    }
    return best;
  }

  /** Returns the homes that were passed over because other users may change them, and why. */
  Map<Path, String> passedOver() {
    return Collections.unmodifiableMap(passedOver);
  }

  private JavaHome read(Path path) {
    for (Path told : JavaHome.telling(path)) {
      String objection = trusted.objection(told);
      if (objection != null) {
        passOver(path, objection);
        return null;
      }
    }
    return JavaHome.read(path);
  }

  private boolean isTrusted(JavaHome home) {
    String objection = trusted.objectionWithin(home.path());
    if (objection != null) {
      passOver(home.path(), objection);
    }
    return objection == null;
  }

  private void passOver(Path path, String objection) {
    boolean found =
        JavaHome.telling(path).stream()
            .allMatch(told -> Files.exists(told, LinkOption.NOFOLLOW_LINKS));
    if (found || !path.isAbsolute()) {
      passedOver.put(path, objection);
    }
  }

  private static int feature(JavaHome home) {
    return JavaHome.feature(home.version());
  }
}
