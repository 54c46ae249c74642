/** Whose files may be run: those that root and this user alone can have made and can change. */
package io.github.wandacuda.launcher.trust;
