package io.github.wandacuda.select;

import io.github.wandacuda.testing.selection.MagnitudesProperties;
import net.jqwik.api.PropertyDefaults;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.Tag;

@Tag("operation")
@PropertyDefaults(shrinking = ShrinkingMode.BOUNDED)
class MagnitudesPropertyTest extends OnEachBackend implements MagnitudesProperties {}
