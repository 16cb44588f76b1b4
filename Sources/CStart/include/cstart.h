// Nothing to call: linking this is what it is for (start.c).
#pragma once
