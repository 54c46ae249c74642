package io.github.wandacuda.system;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/** Creates digests of SHA-256, which every Java has. */
public final class Sha256 {
  private Sha256() {}

  /** Returns a new digest, to which nothing has been added. */
  public static MessageDigest digest() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }
}
