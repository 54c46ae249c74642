package io.github.wandacuda.launcher;

import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.Map;

/**
 * The C or POSIX locale, which is used if no other was chosen (in containers, by cron) or the
 * chosen one isn't installed. A Java that was started in it can't name files beyond ASCII. In the
 * locale {@code C.UTF-8} it can; glibc has it since 2.35, Debian and musl for longer.
 */
final class PosixLocale {
  private static final String WITH_UTF_8 = "C.UTF-8";

  private PosixLocale() {}

  /** Returns whether this Java was started in it. */
  static boolean isUsed() {
    return isAscii(System.getProperty("sun.jnu.encoding"));
  }

  static boolean isAscii(String encoding) {
    return encoding != null
        && Charset.isSupported(encoding)
        && Charset.forName(encoding).equals(StandardCharsets.US_ASCII);
  }

  /** Returns the environment variables with which a program starts in {@code C.UTF-8}. */
  static Map<String, String> replacement(Map<String, String> environment) {
    boolean all = !environment.getOrDefault("LC_ALL", "").isEmpty();
    return Collections.singletonMap(all ? "LC_ALL" : "LC_CTYPE", WITH_UTF_8);
  }
}
